// Networks from which a user or a key got in before. Networks are kept as keyed hashes, and so many of each owner.

import { LIMITS } from "../../protocol/limits.ts";
import { forgetOldest } from "../forget-oldest.ts";
import type { AgingTable } from "../forget-oldest.ts";
import { prepare, sql } from "../sql.ts";

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
    prepare(
      db,
      sql`INSERT INTO known_networks (owner, network, last_at) VALUES (${owner}, ${network}, ${now})
        ON CONFLICT (owner, network) DO UPDATE SET last_at = excluded.last_at
        WHERE last_at <= ${now - LIMITS.networkReport}`,
    ),
    prepare(
      db,
      sql`DELETE FROM known_networks WHERE owner = ${owner} AND network NOT IN (
        SELECT network FROM known_networks WHERE owner = ${owner}
        ORDER BY network = ${network} DESC, last_at DESC LIMIT ${LIMITS.networksKnown})`,
    ),
  ]);
}

/** Forgets networks last used before `before`, and says how many. */
export async function forgetNetworks(
  db: D1Database,
  before: number,
  limit: number,
): Promise<number> {
  const { meta } = await forgetOldest(db, NETWORKS, before, limit).run();
  return meta.changes;
}

const NETWORKS: AgingTable = {
  table: sql`known_networks`,
  key: sql`owner, network`,
  age: sql`last_at`,
};
