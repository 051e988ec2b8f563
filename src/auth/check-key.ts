// Which key of a workspace a secret is of. Wrong ones count against the network that sends them, never against a workspace
// alone: nobody stops its jobs from elsewhere. In the same network one gets in all the same with a key that was drawn, or
// that was used from there before.

import { listCandidates, setLookup } from "../catalog/access/keys.ts";
import type { CandidateKey } from "../catalog/access/keys.ts";
import { rememberNetwork } from "../catalog/access/known-networks.ts";
import { beginAttempt, findClosedGate, takeAttemptBack } from "../catalog/access/login-failures.ts";
import type { LoginGate } from "../catalog/access/login-failures.ts";
import { SYSTEM } from "../catalog/access/workspaces.ts";
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
  | { ok: false; code: "key_unauthorized" | "namespace_not_found" }
  | { ok: false; code: "keys_too_often"; waitSeconds: number };

/** Finds the key that a secret is of. `now` in milliseconds. */
export async function checkKey(
  db: Env["DB"],
  settings: Settings,
  attempt: KeyAttempt,
  now: number,
): Promise<KeyOutcome> {
  const system = await findSystemKey(settings, attempt);
  if (system !== null) {
    return { ok: true, subject: system };
  }
  const sight = await lookAt(db, settings, attempt);
  if (await isWelcome(db, sight, attempt.secret, now)) {
    return subjectOf(attempt, sight.found);
  }
  const closedUntil = await countAsWrong(db, sight, now);
  if (closedUntil !== null) {
    const waitSeconds = Math.ceil((closedUntil - now) / 1000);
    return { ok: false, code: "keys_too_often", waitSeconds };
  }
  const key = sight.found ?? (await findByHash(db, sight, attempt, now));
  if (key !== null) {
    if (sight.found === null) {
      await takeAttemptBack(db, [], sight.gates.network.subject, now);
    }
    await rememberNetwork(db, `key ${key.nonce}`, sight.place, now);
  }
  return key === null && sight.keys === null
    ? { ok: false, code: "namespace_not_found" }
    : subjectOf(attempt, key);
}

/** What an attempt is judged by. */
interface Sight {
  /** The network as `known_networks` has it, and the secret as keys have it. */
  place: string;
  lookup: string;
  /** The workspace's keys; null where there is no such workspace. */
  keys: CandidateKey[] | null;
  found: CandidateKey | null;
  gates: Record<"network" | "pair", LoginGate>;
}

async function lookAt(db: Env["DB"], settings: Settings, attempt: KeyAttempt): Promise<Sight> {
  const { workspace, secret, network } = attempt;
  const place = await keyedHash(settings, "network", "key", workspace, network);
  const lookup = await lookupOf(settings, workspace, secret);
  const keys = await listCandidates(db, workspace, place);
  const found = await findByLookup(keys ?? [], secret, lookup);
  return { place, lookup, keys, found, gates: await gatesOf(settings, attempt) };
}

/** Does a key count whatever else its network sends: was it drawn, is it as long as one, or was it used from there before? */
async function isWelcome(
  db: Env["DB"],
  { found, gates }: Sight,
  secret: string,
  now: number,
): Promise<boolean> {
  if (found !== null && (isDrawn(found) || secret.length >= LIMITS.secretUnguessed)) {
    return true;
  }
  // Asked for a wrong secret too: the time of an answer must not tell whether it was right.
  const closedUntil = await findClosedGate(db, gates.pair, now);
  return found?.knowsNetwork === true && closedUntil === null;
}

async function findSystemKey(
  settings: Settings,
  { workspace, secret }: KeyAttempt,
): Promise<TokenSubject | null> {
  return workspace === SYSTEM && (await isSameSecret(secret, settings.systemKey))
    ? { workspace, keyName: SYSTEM_KEY_NAME, nonce: await systemNonce(settings) }
    : null;
}

/** Counts a secret that is not found as wrong before it counts for anything, or says until when none does. Right ones are
 * not counted: many jobs that begin at once would close the network for each other. */
async function countAsWrong(
  db: Env["DB"],
  { keys, found, gates }: Sight,
  now: number,
): Promise<number | null> {
  const { closedUntil } = await beginAttempt(db, [gates.network], now, found !== null);
  if (closedUntil === null) {
    return null;
  }
  // Not for each name that somebody makes up: it would be a row.
  const pair = keys === null ? { closedUntil: null } : await beginAttempt(db, [gates.pair], now);
  return Math.max(closedUntil, pair.closedUntil ?? 0);
}

function subjectOf({ workspace }: KeyAttempt, key: CandidateKey | null): KeyOutcome {
  return key === null
    ? { ok: false, code: "key_unauthorized" }
    : { ok: true, subject: { workspace, keyName: key.name, nonce: key.nonce } };
}

/** Tries keys that cannot be looked up, one turn each, and gives the one that is found its lookup. */
async function findByHash(
  db: Env["DB"],
  { keys, lookup, gates }: Sight,
  { secret, network }: KeyAttempt,
  now: number,
): Promise<CandidateKey | null> {
  for (const key of withoutLookup(keys ?? [], lookup)) {
    if (!(await waitForTurn("strangers", network))) {
      await takeAttemptBack(db, [], gates.network.subject, now); // it was not looked at
      throw new AppError("secrets_busy");
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
