// Networks from which a user or a key got in before. Networks are kept as keyed hashes, and so many of each owner.

import { LIMITS } from "../protocol/limits.ts";

/** A user by id, or a key by nonce: one that is set anew is known nowhere. */
export type NetworkOwner = `user ${number}` | `key ${string}`;

/** Notes that an owner got in from a network, and forgets the one that was used the longest ago past
 * `networksKnown`. */
export async function rememberNetwork(
  db: D1Database,
  owner: NetworkOwner,
  network: string,
  now: number,
): Promise<void> {
  await db.batch([
    db
      .prepare(
        `INSERT INTO known_networks (owner, network, last_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (owner, network) DO UPDATE SET last_at = ?3 WHERE last_at <= ?4`,
      )
      .bind(owner, network, now, now - LIMITS.networkReport),
    db
      .prepare(
        `DELETE FROM known_networks WHERE owner = ?1 AND network NOT IN (
           SELECT network FROM known_networks WHERE owner = ?1
           ORDER BY network = ?2 DESC, last_at DESC LIMIT ?3)`,
      )
      .bind(owner, network, LIMITS.networksKnown),
  ]);
}

/** Forgets networks last used before `before`, and says how many. */
export async function forgetNetworks(
  db: D1Database,
  before: number,
  limit: number,
): Promise<number> {
  const { meta } = await db
    .prepare(
      `DELETE FROM known_networks WHERE (owner, network) IN (
         SELECT owner, network FROM known_networks WHERE last_at <= ?1 ORDER BY last_at LIMIT ?2)`,
    )
    .bind(before, limit)
    .run();
  return meta.changes;
}
