// What a database consists of, as SQLite tells it, to be compared with what another one does.

import type { DatabaseSync } from "node:sqlite";

/** A table, index or trigger: how it is called, and the statement that makes it. */
export type Parts = ReadonlyMap<string, string>;

/** All parts of a database, but for those that SQLite, D1 and Miniflare keep for themselves. */
export function partsOf(database: DatabaseSync): Parts {
  const rows = database
    .prepare(
      `SELECT type || ' ' || name AS part, sql FROM sqlite_schema
       WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*'`,
    )
    .all() as { part: string; sql: string }[];
  return new Map(rows.map(({ part, sql }) => [part, plain(sql)]));
}

/** What one has and the other has not, or has otherwise, a line for each. */
export function differencesOf(ours: Parts, theirs: Parts): string[] {
  return [...new Set([...ours.keys(), ...theirs.keys()])].toSorted().flatMap((part) => {
    const [one, other] = [ours.get(part), theirs.get(part)];
    return one === other ? [] : [`${part}: ${one ?? "missing"} <> ${other ?? "missing"}`];
  });
}

/** A statement without the white space that changes nothing; a table that was renamed has its name in quotes. */
function plain(sql: string): string {
  return sql
    .replaceAll(/('(?:[^']|'')*')|\s*([(),;])\s*|\s+/g, (_, text, sign) => text ?? sign ?? " ")
    .replace(/^CREATE TABLE "(\w+)"/u, "CREATE TABLE $1 ")
    .replace(/^CREATE TABLE (\w+) ?/u, "CREATE TABLE $1 ")
    .trim();
}
