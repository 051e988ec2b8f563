import type { StoredPart } from "../blobs/objects.ts";

/** The stored parts of each extent, and the part numbers that its next ones get. Changes belong into the ledger's
 * transactions; numbers are taken outside of them, as none may come back. */
export class PartRows {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Those of an extent, in order. */
  list(extentNumber: number): StoredPart[] {
    return this.#sql
      .exec<{ number: number; etag: string }>(
        "SELECT number, etag FROM parts WHERE extent_n = ? ORDER BY number",
        extentNumber,
      )
      .toArray()
      .map(({ number, etag }) => ({ partNumber: number, etag }));
  }

  /** Adds parts to an extent while it takes any, and their length to its own. */
  add(extentNumber: number, parts: readonly StoredPart[]): void {
    const values = JSON.stringify(parts.map(({ partNumber, etag }) => [partNumber, etag]));
    this.#sql.exec(
      `INSERT INTO parts (extent_n, number, etag)
       SELECT n, value ->> 0, value ->> 1 FROM json_each(?2), extents
       WHERE n = ?1 AND multipart_id IS NOT NULL`,
      extentNumber,
      values,
    );
    this.#sql.exec(
      "UPDATE extents SET length = length + part_size * ? WHERE n = ?",
      parts.length,
      extentNumber,
    );
  }

  /** Keeps the first `count` of an extent. */
  keep(extentNumber: number, count: number): void {
    this.#sql.exec(
      `DELETE FROM parts WHERE extent_n = ?1 AND number NOT IN
         (SELECT number FROM parts WHERE extent_n = ?1 ORDER BY number LIMIT ?2)`,
      extentNumber,
      count,
    );
  }

  remove(extentNumber: number): void {
    this.#sql.exec("DELETE FROM parts WHERE extent_n = ?", extentNumber);
  }

  /** How many part numbers of an extent are taken. */
  numbersTaken(extentNumber: number): number {
    return this.#sql
      .exec<{ taken: number }>(
        "SELECT next_number - 1 AS taken FROM extents WHERE n = ?",
        extentNumber,
      )
      .one().taken;
  }

  /** Takes the next `count` part numbers of an extent and gives the first; none is ever taken twice. */
  takeNumbers(extentNumber: number, count: number): number {
    return this.#sql
      .exec<{ first: number }>(
        "UPDATE extents SET next_number = next_number + ?1 WHERE n = ?2 RETURNING next_number - ?1 AS first",
        count,
        extentNumber,
      )
      .one().first;
  }
}
