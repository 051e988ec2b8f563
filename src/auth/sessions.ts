// Whose session a request's cookie is, and its end.

import { deleteSession, findLivingSession, touchSession } from "../catalog/access/sessions.ts";
import { isCatalogFull } from "../catalog/size.ts";
import type { Author } from "../protocol/identity.ts";
import type { Session } from "../protocol/identity.ts";
import { LIMITS } from "../protocol/limits.ts";
import { sha256 } from "./passwords.ts";
import { readSessionId } from "./session-cookie.ts";

/** The living session of a request's cookie, or null. `now` in milliseconds. */
export async function findSession(
  request: Request,
  db: Env["DB"],
  now: number,
): Promise<Session | null> {
  const id = readSessionId(request);
  const found = id === null ? null : await findLivingSession(db, await hashSessionId(id), now);
  if (found === null) {
    return null;
  }
  const { lastUsedAt, ...session } = found;
  if (lastUsedAt <= now - LIMITS.sessionReport) {
    await noteUse(db, session.idHash, now);
  }
  return session;
}

/** A full catalog does not end what people read: the session ends the earlier. */
async function noteUse(db: Env["DB"], idHash: string, now: number): Promise<void> {
  try {
    await touchSession(db, idHash, now);
  } catch (error) {
    if (!isCatalogFull(error)) {
      throw error;
    }
  }
}

/** Ends the session of a request's cookie, if there is one. */
export async function logOut(request: Request, db: Env["DB"], author: Author): Promise<void> {
  const id = readSessionId(request);
  if (id !== null) {
    await deleteSession(db, await hashSessionId(id), author);
  }
}

/** What the catalog keeps of a session's id. */
export async function hashSessionId(id: string): Promise<string> {
  return (await sha256(id)).toHex();
}
