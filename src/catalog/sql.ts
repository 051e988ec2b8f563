// Statements that carry their values: a fragment is put into another as it is, and nobody counts parameters.

import sql, { empty, join, raw } from "sql-template-tag";
import type { Sql } from "sql-template-tag";

export { empty, join, raw, sql };
export type { Sql };

/** A statement of D1, with its values. D1 takes 100 of them. */
export function prepare(db: D1Database, { sql: text, values }: Sql): D1PreparedStatement {
  return db.prepare(text).bind(...values);
}

/** Did the last statement of a batch, or the only one, change a row? One that was not made changed none. */
export function hasChanged(results: D1Result | readonly D1Result[] | undefined): boolean {
  return ([results].flat().at(-1)?.meta.changes ?? 0) > 0;
}

/** Several values as the rows of a table `e` with the column `value`. */
export function rowsOf(values: readonly unknown[]): Sql {
  return sql`json_each(${JSON.stringify(values)}) e`;
}
