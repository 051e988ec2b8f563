// Which key of a workspace a secret is of. Wrong ones count against the network that sends them, never against a workspace
// alone: nobody stops its jobs from elsewhere. In the same network one gets in all the same with a key that was drawn, or
// that was used from there before.

import { listKeys, setLookup } from "../catalog/keys.ts";
import type { WorkspaceKey } from "../catalog/keys.ts";
import { isKnownNetwork, rememberNetwork } from "../catalog/known-networks.ts";
import { beginAttempt, findClosedGate, takeAttemptBack } from "../catalog/login-failures.ts";
import type { LoginGate } from "../catalog/login-failures.ts";
import { SYSTEM } from "../catalog/workspaces.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Settings } from "../settings.ts";
import type { TokenSubject } from "./access-tokens.ts";
import { waitForTurn } from "./hash-turns.ts";
import { SYSTEM_KEY_NAME, systemNonce } from "./identify.ts";
import { findByLookup, isDrawn, lookupOf, withoutLookup } from "./key-lookup.ts";
import { keyedHash } from "./keyed-hash.ts";
import { isSameSecret, isSecret } from "./passwords.ts";

/** What POST /auth is sent, and from which network. */
export interface KeyAttempt {
  workspace: string;
  secret: string;
  network: string;
}

export type KeyOutcome =
  | { ok: true; subject: TokenSubject }
  | { ok: false; code: "key_unauthorized" }
  | { ok: false; code: "keys_too_often"; waitSeconds: number };

/** Finds the key that a secret is of. `now` in milliseconds. */
export async function checkKey(
  db: Env["DB"],
  settings: Settings,
  attempt: KeyAttempt,
  now: number,
): Promise<KeyOutcome> {
  const { workspace, secret, network } = attempt;
  const system = await findSystemKey(settings, attempt);
  if (system !== null) {
    return { ok: true, subject: system };
  }
  const lookup = await lookupOf(settings, workspace, secret);
  const keys = await listKeys(db, workspace);
  const found = await findByLookup(keys, secret, lookup);
  if (found !== null && isDrawn(found)) {
    return { ok: true, subject: subjectOf(workspace, found) };
  }
  const gates = await gatesOf(settings, attempt);
  const place = await keyedHash(settings, "network", "key", workspace, network);
  const isWelcomed = await isWelcome(db, found, { place, gate: gates.pair }, now);
  if (found !== null && isWelcomed) {
    return { ok: true, subject: subjectOf(workspace, found) };
  }
  const closedUntil = await countAsWrong(db, gates, now);
  if (closedUntil !== null) {
    return {
      ok: false,
      code: "keys_too_often",
      waitSeconds: Math.ceil((closedUntil - now) / 1000),
    };
  }
  const key = found ?? (await findByHash(db, withoutLookup(keys, lookup), attempt, lookup));
  if (key === "busy") {
    await takeAttemptBack(db, [], gates.network.subject); // it was not looked at
    throw new AppError("secrets_busy");
  }
  if (key === null) {
    return { ok: false, code: "key_unauthorized" };
  }
  await takeAttemptBack(db, [], gates.network.subject);
  await rememberNetwork(db, `key ${key.nonce}`, place, now);
  return { ok: true, subject: subjectOf(workspace, key) };
}

async function findSystemKey(
  settings: Settings,
  { workspace, secret }: KeyAttempt,
): Promise<TokenSubject | null> {
  return workspace === SYSTEM && (await isSameSecret(secret, settings.systemKey))
    ? { workspace, keyName: SYSTEM_KEY_NAME, nonce: await systemNonce(settings) }
    : null;
}

/** Does a key count whatever else its network sends: was it used from there before? All is asked for a wrong secret too: the
 * time of an answer must not tell whether it was right. */
async function isWelcome(
  db: Env["DB"],
  key: WorkspaceKey | null,
  { place, gate }: { place: string; gate: LoginGate },
  now: number,
): Promise<boolean> {
  const [isKnown, closedUntil] = await Promise.all([
    isKnownNetwork(db, `key ${key?.nonce ?? ""}`, place),
    findClosedGate(db, gate, now),
  ]);
  return isKnown && closedUntil === null;
}

/** Counts a secret as wrong before it counts for anything, or says until when none does. */
async function countAsWrong(
  db: Env["DB"],
  gates: Record<"network" | "pair", LoginGate>,
  now: number,
): Promise<number | null> {
  const { closedUntil } = await beginAttempt(db, [gates.network], now);
  if (closedUntil === null) {
    return null;
  }
  const pair = await beginAttempt(db, [gates.pair], now);
  return Math.max(closedUntil, pair.closedUntil ?? 0);
}

function subjectOf(workspace: string, { name, nonce }: WorkspaceKey): TokenSubject {
  return { workspace, keyName: name, nonce };
}

/** Tries keys that cannot be looked up, one turn each, and gives the one that is found its lookup. */
async function findByHash(
  db: Env["DB"],
  keys: readonly WorkspaceKey[],
  { secret, network }: KeyAttempt,
  lookup: string,
): Promise<WorkspaceKey | "busy" | null> {
  for (const key of keys) {
    if (!(await waitForTurn("strangers", network))) {
      return "busy";
    }
    if (await isSecret(secret, key.secretHash)) {
      await setLookup(db, key, lookup);
      return key;
    }
  }
  return null;
}

/** What wrong keys count against (LIMITS says why). */
async function gatesOf(
  settings: Settings,
  { workspace, network }: KeyAttempt,
): Promise<Record<"network" | "pair", LoginGate>> {
  const gate = "key gate";
  return {
    network: {
      subject: await keyedHash(settings, gate, "network", network),
      ...LIMITS.wrongKeysOfNetwork,
    },
    pair: {
      subject: await keyedHash(settings, gate, "pair", workspace, network),
      ...LIMITS.wrongKeysOfPair,
    },
  };
}
