import { LIMITS } from "../protocol/limits.ts";

/** The tail in rows of at most 1 MiB, and its length beside the upload, to be read without them. Changes
 * belong into the ledger's transactions. */
export class TailRows {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The first `length` bytes, in a new array of `capacity` bytes. */
  read(length: number, capacity: number = length): Uint8Array {
    const bytes = new Uint8Array(capacity);
    let filled = 0;
    for (const row of this.#sql.exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM tail ORDER BY n")) {
      if (filled >= length) {
        break;
      }
      const piece = new Uint8Array(row.bytes, 0, Math.min(row.bytes.byteLength, length - filled));
      bytes.set(piece, filled);
      filled += piece.length;
    }
    return bytes;
  }

  /** Adds bytes at the end: to the last row as long as that stays small, else in rows of their own. */
  extend(bytes: Uint8Array): void {
    this.#sql.exec("UPDATE upload SET tail_length = tail_length + ?", bytes.length);
    if (this.#joinLast(bytes)) {
      return;
    }
    for (let from = 0; from < bytes.length; from += LIMITS.tailRow) {
      const piece = bytes.slice(from, from + LIMITS.tailRow);
      this.#sql.exec("INSERT INTO tail (bytes) VALUES (?)", piece);
    }
  }

  empty(): void {
    this.#sql.exec("DELETE FROM tail");
    this.#sql.exec("UPDATE upload SET tail_length = 0");
  }

  #joinLast(bytes: Uint8Array): boolean {
    const [last] = this.#sql
      .exec<{ n: number; bytes: ArrayBuffer }>(
        "SELECT n, bytes FROM tail WHERE n = (SELECT max(n) FROM tail) AND length(bytes) + ? <= ?",
        bytes.length,
        LIMITS.tailRowJoin,
      )
      .toArray();
    if (last === undefined) {
      return false;
    }
    const joined = new Uint8Array(last.bytes.byteLength + bytes.length);
    joined.set(new Uint8Array(last.bytes));
    joined.set(bytes, last.bytes.byteLength);
    this.#sql.exec("UPDATE tail SET bytes = ? WHERE n = ?", joined, last.n);
    return true;
  }
}
