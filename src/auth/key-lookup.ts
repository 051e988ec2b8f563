// Finds a workspace's key by its secret without trying each: beside its hash a key keeps a keyed hash of the secret. A
// wrong secret then costs no scrypt, but while some keys have none that was made with this TOKEN_SECRET.

import type { WorkspaceKey } from "../catalog/access/keys.ts";
import type { Settings } from "../settings.ts";
import { keyedHash } from "./keyed-hash.ts";
import { hashRandomSecret } from "./passwords.ts";

/** The lookup of a secret: which TOKEN_SECRET made it, then the keyed hash, of the workspace's name too, so that equal
 * secrets look unequal. */
export async function lookupOf(
  settings: Settings,
  workspace: string,
  secret: string,
): Promise<string> {
  return `${await generationOf(settings)}$${await keyedHash(settings, "key", workspace, secret)}`;
}

/** The key that has this secret by its lookup or, where it was drawn, by its hash. Plain comparisons: nobody can steer the
 * first, and the second is of a secret that cannot be guessed piece by piece. */
export async function findByLookup<Key extends WorkspaceKey>(
  keys: readonly Key[],
  secret: string,
  lookup: string,
): Promise<Key | null> {
  const drawn = await hashRandomSecret(secret);
  return keys.find((key) => key.lookup === lookup || key.secretHash === drawn) ?? null;
}

/** Those that may have this secret all the same: chosen ones without a lookup of this TOKEN_SECRET. */
export function withoutLookup<Key extends WorkspaceKey>(
  keys: readonly Key[],
  lookup: string,
): Key[] {
  const generation = lookup.slice(0, lookup.indexOf("$") + 1);
  return keys.filter((key) => !isDrawn(key) && key.lookup?.startsWith(generation) !== true);
}

/** Did we draw the secret? Then nobody can guess it. */
export function isDrawn({ secretHash }: Pick<WorkspaceKey, "secretHash">): boolean {
  return secretHash.startsWith("sha256$");
}

async function generationOf(settings: Settings): Promise<string> {
  return (await keyedHash(settings, "key")).slice(0, 16);
}
