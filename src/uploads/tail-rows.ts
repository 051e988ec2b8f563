import { LIMITS } from "../protocol/limits.ts";

/** What becomes of the tail: other bytes, or more of them. */
export interface TailChange {
  kind: "replace" | "extend";
  bytes: Uint8Array;
}

/** The last row of the tail: its number, 0 being none, and as many of its bytes as are kept. */
interface LastRow {
  n: number;
  /** Null: the row takes no more. */
  bytes: Uint8Array | null;
}

/** The tail in rows of at most 1 MiB; its length is the ledger's. Changes belong into the ledger's transactions, which
 * call forget() when they fail. */
export class TailRows {
  readonly #sql: SqlStorage;
  /** Null: not known. It is small, and kept so that the next append need not read it. */
  #last: LastRow | null = null;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The first `length` bytes. */
  read(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.readInto(bytes, length);
    return bytes;
  }

  /** Writes the first `length` bytes to the beginning of an array. */
  readInto(bytes: Uint8Array, length: number): void {
    let filled = 0;
    for (const row of this.#sql.exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM tail ORDER BY n")) {
      if (filled >= length) {
        break;
      }
      const piece = new Uint8Array(row.bytes, 0, Math.min(row.bytes.byteLength, length - filled));
      bytes.set(piece, filled);
      filled += piece.length;
    }
  }

  write({ kind, bytes }: TailChange): void {
    if (kind === "replace") {
      this.#sql.exec("DELETE FROM tail");
      this.#last = { n: 0, bytes: null };
    }
    if (bytes.length > 0) {
      this.#extend(bytes);
    }
  }

  /** Forgets what is known of the rows, after they were changed by something else. */
  forget(): void {
    this.#last = null;
  }

  /** Adds bytes at the end: to the last row as long as that stays small, else in rows of their own. */
  #extend(bytes: Uint8Array): void {
    let last = this.#last ?? this.#readLast();
    const size = (last.bytes?.length ?? 0) + bytes.length;
    if (last.bytes !== null && size <= LIMITS.tailRowJoin) {
      const joined = new Uint8Array(size);
      joined.set(last.bytes);
      joined.set(bytes, last.bytes.length);
      this.#sql.exec("UPDATE tail SET bytes = ? WHERE n = ?", joined, last.n);
      this.#last = { n: last.n, bytes: joined };
      return;
    }
    for (let from = 0; from < bytes.length; from += LIMITS.tailRow) {
      const piece = bytes.subarray(from, from + LIMITS.tailRow);
      this.#sql.exec("INSERT INTO tail (n, bytes) VALUES (?, ?)", last.n + 1, piece);
      last = { n: last.n + 1, bytes: piece.length < LIMITS.tailRowJoin ? piece.slice() : null };
    }
    this.#last = last;
  }

  #readLast(): LastRow {
    const [row] = this.#sql
      .exec<{ n: number; bytes: ArrayBuffer | null }>(
        `SELECT n, CASE WHEN length(bytes) < ? THEN bytes END AS bytes FROM tail
         WHERE n = (SELECT max(n) FROM tail)`,
        LIMITS.tailRowJoin,
      )
      .toArray();
    return row === undefined
      ? { n: 0, bytes: null }
      : { n: row.n, bytes: row.bytes && new Uint8Array(row.bytes) };
  }
}
