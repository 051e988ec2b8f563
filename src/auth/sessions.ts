// Logging in and out, and whose session a request's cookie is.

import type { Author } from "../catalog/artifact-changes.ts";
import { addAudit } from "../catalog/audit.ts";
import { beginAttempt, takeAttemptBack } from "../catalog/login-failures.ts";
import type { LoginGate } from "../catalog/login-failures.ts";
import {
  createSession,
  deleteSession,
  findLivingSession,
  touchSession,
} from "../catalog/sessions.ts";
import { findPassword } from "../catalog/users.ts";
import { networkOf } from "../http/client-network.ts";
import type { Session } from "../protocol/identity.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Settings } from "../settings.ts";
import { isSecret, newSecret, NO_SECRET, sha256 } from "./passwords.ts";
import { readSessionId } from "./session-cookie.ts";

/** The living session of a request's cookie, or null. `now` in milliseconds. */
export async function findSession(
  request: Request,
  db: Env["DB"],
  now: number,
): Promise<Session | null> {
  const id = readSessionId(request);
  const found = id === null ? null : await findLivingSession(db, await hashId(id), now);
  if (found === null) {
    return null;
  }
  const { lastUsedAt, ...session } = found;
  if (lastUsedAt <= now - LIMITS.sessionReport) {
    await touchSession(db, session.idHash, now);
  }
  return session;
}

/** A name and password, and where they come from. */
export interface LoginAttempt {
  name: string;
  password: string;
  /** The client's address as Cloudflare gives it; empty where nothing stands in front. */
  address: string;
  /** The id in the cookie that came along: its session ends with this login. */
  replaces: string | null;
  requestId: string;
}

export type LoginOutcome =
  | { ok: true; sessionId: string }
  | { ok: false; code: "login_failed" }
  | { ok: false; code: "login_too_often"; waitSeconds: number };

/** Begins a session for a right password. An unknown name takes the same way and time as a wrong password. */
export async function logIn(
  db: Env["DB"],
  settings: Settings,
  attempt: LoginAttempt,
  now: number,
): Promise<LoginOutcome> {
  const gates = await gatesOf(attempt, settings);
  const { closedUntil } = await beginAttempt(db, Object.values(gates), now);
  if (closedUntil !== null) {
    const waitSeconds = Math.ceil((closedUntil - now) / 1000);
    return { ok: false, code: "login_too_often", waitSeconds };
  }
  const user = await findPassword(db, attempt.name);
  const isRight = await isSecret(attempt.password, user?.passwordHash ?? NO_SECRET);
  const origin = { requestId: attempt.requestId, network: networkOf(attempt.address) };
  if (user === null || !isRight) {
    // People type passwords where names belong: only a name that exists is kept.
    const note = {
      action: "login refused",
      subject: user === null ? null : `user ${attempt.name}`,
    };
    await addAudit(db, note, { actor: "nobody", origin, now });
    return { ok: false, code: "login_failed" };
  }
  const sessionId = newSecret();
  const created = {
    ...user,
    idHash: await hashId(sessionId),
    replaces: attempt.replaces === null ? null : await hashId(attempt.replaces),
  };
  const author = { actor: `user ${attempt.name}`, origin, now };
  if (!(await createSession(db, created, author))) {
    return { ok: false, code: "login_failed" };
  }
  // After a crash before this line one failure too many is remembered, for an hour.
  await takeAttemptBack(db, [gates.pair.subject, gates.name.subject], gates.network.subject);
  return { ok: true, sessionId };
}

/** Ends the session of a request's cookie, if there is one. */
export async function logOut(request: Request, db: Env["DB"], author: Author): Promise<void> {
  const id = readSessionId(request);
  if (id !== null) {
    await deleteSession(db, await hashId(id), author);
  }
}

async function hashId(id: string): Promise<string> {
  return (await sha256(id)).toHex();
}

/** What a login's failure counts against (LIMITS says why). A right password does not clear a network: its
 * owner could otherwise log in now and then to go on guessing the passwords of others. */
async function gatesOf(
  { name, address }: LoginAttempt,
  { tokenSecret }: Settings,
): Promise<Record<"pair" | "network" | "name", LoginGate>> {
  const network = networkOf(address);
  const subject = async (...parts: string[]) =>
    (await sha256(JSON.stringify(["login", tokenSecret, ...parts]))).toHex();
  return {
    pair: { subject: await subject("pair", name, network), ...LIMITS.loginOfPair },
    network: { subject: await subject("network", network), ...LIMITS.loginOfNetwork },
    name: { subject: await subject("name", name), ...LIMITS.loginOfName },
  };
}
