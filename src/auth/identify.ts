// Request -> identity. The Token header wins over Authorization; credentials that do not hold make a
// request nobody's, with the reason kept for whoever refuses it.

import { findKey } from "../catalog/access/keys.ts";
import { findGoodToken } from "../catalog/access/tokens.ts";
import type { AccessToken } from "../catalog/access/tokens.ts";
import { requireWorkspace, SYSTEM } from "../catalog/access/workspaces.ts";
import { parseBearer } from "../http/bearer.ts";
import { AppError } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import type { Identity } from "../protocol/identity.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Settings } from "../settings.ts";
import { verifyAccessToken } from "./access-tokens.ts";
import type { TokenSubject } from "./access-tokens.ts";
import { Memory } from "./memory.ts";
import { sha256 } from "./passwords.ts";

/** The key that SYSTEM_KEY is: the only one of the workspace `system`. */
export const SYSTEM_KEY_NAME = "system";

/** When a request is judged, in milliseconds, and whether what held a moment ago may answer (recall.ts). */
export interface Moment {
  now: number;
  recalls: boolean;
}

/** Finds out who sends a request. */
export async function identify(
  headers: Headers,
  db: Env["DB"],
  settings: Settings,
  moment: Moment,
): Promise<Identity> {
  const token = headers.get("Token");
  if (token !== null) {
    return identifyToken(token, db, moment);
  }
  const bearer = parseBearer(headers.get("Authorization"));
  switch (bearer.kind) {
    case "none":
      return nobody(null);
    case "malformed":
      return nobody("token_not_bearer");
    case "bearer":
      return identifyBearer(bearer.token, db, settings, moment);
  }
}

/** Refuses a request whose body took its time when its credentials ended meanwhile: a thief could else keep requests begun
 * and finish them after the key is deleted. `began` in milliseconds. */
export async function requireStillGood(
  headers: Headers,
  db: Env["DB"],
  settings: Settings,
  began: number,
): Promise<void> {
  const now = Date.now();
  if (now - began < LIMITS.bodyMoment) {
    return;
  }
  const identity = await identify(headers, db, settings, { now, recalls: false });
  if (identity.kind === "nobody") {
    throw new AppError(identity.refusal ?? "token_missing");
  }
}

/** The nonce of the system key's tokens: another key gives another. */
export async function systemNonce(settings: Settings): Promise<string> {
  return (await sha256(`nonce of ${settings.systemKey}`)).toHex().slice(0, 32);
}

function nobody(refusal: ErrorCode | null): Identity {
  return { kind: "nobody", refusal };
}

/** Tokens seen good a moment ago, by their hash: a client that sends the files of an artifact asks no database about
 * itself for each. */
const tokens = new Memory<AccessToken>();

/** Credentials that did not hold a moment ago, by a token's hash or a key's name and nonce: who goes on with them, as a
 * runner does whose key was changed, is told so without another look. */
const refused = new Memory<typeof REFUSED>();
const REFUSED = "refused";

/** After a change of tokens of a user, or with null of workers; other isolates follow within LIMITS.keyMemory. */
export function forgetTokens(userId: number | null): void {
  tokens.forget((token) => token.userId === userId);
  refused.forget(() => true);
}

/** After a change of a workspace's keys; likewise. */
export function forgetKeys(workspaceId: number): void {
  keys.forget((key) => key.workspaceId === workspaceId);
  refused.forget(() => true);
}

async function identifyToken(token: string, db: Env["DB"], moment: Moment): Promise<Identity> {
  const { now, recalls } = moment;
  const hash = (await sha256(token)).toHex();
  const known = recalls ? tokens.get(hash, now) : null;
  const found =
    known ?? (refused.get(hash, now) === null ? await findGoodToken(db, hash, now) : null);
  if (found === null) {
    tokens.remove(hash);
    refused.add(hash, REFUSED, now);
    return nobody("access_token_refused");
  }
  tokens.add(hash, found, now, found.expiresAt);
  return found.userId === null
    ? { kind: "worker", tokenId: found.id }
    : { kind: "user", userId: found.userId, name: found.user ?? "", tokenId: found.id };
}

async function identifyBearer(
  token: string,
  db: Env["DB"],
  settings: Settings,
  moment: Moment,
): Promise<Identity> {
  const verified = await verifyAccessToken(token, settings.tokenSecret, moment.now);
  if (!verified.ok) {
    return nobody(verified.code);
  }
  const { workspace, keyName, nonce } = verified.subject;
  const key = await findLivingKey(verified.subject, db, settings, moment);
  if (key === null) {
    return nobody("token_invalid");
  }
  return {
    kind: "workspace",
    workspaceId: key.workspaceId,
    name: workspace,
    keyName,
    nonce,
    isSystem: workspace === SYSTEM,
  };
}

interface LivingKey {
  workspaceId: number;
  nonce: string;
}

/** Keys seen alive a moment ago, so that a stream of appends reads no database. */
const keys = new Memory<LivingKey>();

/** The key that a token was given for, unless it was deleted or changed since. */
async function findLivingKey(
  { workspace, keyName, nonce }: TokenSubject,
  db: Env["DB"],
  settings: Settings,
  { now, recalls }: Moment,
): Promise<LivingKey | null> {
  const name = JSON.stringify([workspace, keyName]);
  // What the system's key is stands in the settings: the catalog has nothing to say about it.
  const known = recalls || workspace === SYSTEM ? keys.get(name, now) : null;
  if (known?.nonce === nonce) {
    return known;
  }
  const refusedName = JSON.stringify([workspace, keyName, nonce]);
  if (refused.get(refusedName, now) !== null) {
    return null;
  }
  const key =
    workspace === SYSTEM ? await systemKey(db, settings) : await findKey(db, workspace, keyName);
  if (key?.nonce !== nonce) {
    keys.remove(name);
    refused.add(refusedName, REFUSED, now);
    return null;
  }
  keys.add(name, { workspaceId: key.workspaceId, nonce }, now);
  return key;
}

async function systemKey(db: Env["DB"], settings: Settings): Promise<LivingKey> {
  const { id } = await requireWorkspace(db, SYSTEM);
  return { workspaceId: id, nonce: await systemNonce(settings) };
}
