import type { Multipart } from "../blobs/objects.ts";

/** R2 data that the upload left behind and has still to delete. */
export interface Leftover {
  key: string;
  multipart: Multipart | null;
}

/** What an upload left behind. Additions belong into the ledger's transactions. */
export class LeftoverRows {
  readonly #sql: SqlStorage;
  /** Is there nothing for certain? Most operations leave nothing behind, and none need read that. */
  #isEmpty = false;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  list(): Leftover[] {
    if (this.#isEmpty) {
      return [];
    }
    const rows = this.#sql
      .exec<{ key: string; multipart_id: string | null }>(
        "SELECT key, multipart_id FROM garbage LIMIT 1000",
      )
      .toArray();
    this.#isEmpty = rows.length === 0;
    return rows.map(({ key, multipart_id: id }) => ({
      key,
      multipart: id === null ? null : { key, id },
    }));
  }

  add({ key, multipart }: Leftover): void {
    this.#isEmpty = false;
    this.#sql.exec(
      "INSERT OR REPLACE INTO garbage (key, multipart_id) VALUES (?, ?)",
      key,
      multipart?.id ?? null,
    );
  }

  remove(keys: readonly string[]): void {
    this.#sql.exec(
      "DELETE FROM garbage WHERE key IN (SELECT value FROM json_each(?))",
      JSON.stringify(keys),
    );
  }
}
