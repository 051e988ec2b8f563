// What the sweep forgets by its age alone, some rows at a time.

import { prepare, sql } from "./sql.ts";
import type { Sql } from "./sql.ts";

/** A table whose rows are forgotten: the columns of its key, and the one that tells how old a row is, by an index. */
export interface AgingTable {
  table: Sql;
  key: Sql;
  age: Sql;
}

/** The statement that deletes rows from before or at `last`, the oldest first. */
export function forgetOldest(
  db: D1Database,
  { table, key, age }: AgingTable,
  last: number,
  limit: number,
): D1PreparedStatement {
  return prepare(
    db,
    sql`DELETE FROM ${table} WHERE (${key}) IN (
      SELECT ${key} FROM ${table} WHERE ${age} <= ${last} ORDER BY ${age} LIMIT ${limit})`,
  );
}
