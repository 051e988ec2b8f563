// Pages that nothing but the sweep may use. What removes rows inserts some first, in `garbage`, `events` and `audit`, which
// a database without a free page refuses. Deleting the reserve needs none and frees many.

import { LIMITS } from "../../protocol/limits.ts";
import { prepare, sql } from "../sql.ts";

/** Gives the pages of the reserve, if it is there, to whoever writes next. */
export async function releaseReserve(db: D1Database): Promise<void> {
  await prepare(db, sql`DELETE FROM reserve`).run();
}

/** Sets pages aside again, unless they are; fails while the database has none. */
export async function refillReserve(db: D1Database): Promise<void> {
  await prepare(
    db,
    sql`INSERT INTO reserve (id, room) VALUES (1, zeroblob(${LIMITS.catalogReserve})) ON CONFLICT DO NOTHING`,
  ).run();
}
