// The tables of a draft object. None is there before open(): an object that is asked about a draft that never was leaves
// nothing behind. docs/drafts.md explains each column.

import { formatOf, makeTables } from "../object-tables.ts";
import type { ObjectTables } from "../object-tables.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";

/** Made by the first part of a declaration. */
export const DRAFT_TABLES: ObjectTables = {
  home: "draft",
  steps: [
    `
CREATE TABLE draft (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  format INTEGER NOT NULL,      -- src/object-tables.ts
  uuid TEXT NOT NULL,           -- its name, and of its version in the catalog
  artifact_uuid TEXT NOT NULL,
  workspace_id INTEGER NOT NULL,
  phase TEXT NOT NULL,          -- declaring: parts of the declaration are not there yet; open: files come; sealing: all are
                                -- there, the catalog may know of some objects; ending: nothing comes any more, objects go
  opened_at INTEGER NOT NULL,
  next_pack INTEGER NOT NULL    -- numbers of packs below this one may be used already
);
CREATE TABLE declared (
  n INTEGER PRIMARY KEY,        -- 1, 2, ...
  bytes BLOB NOT NULL           -- src/drafts/declared.ts
);
CREATE TABLE places (
  source TEXT PRIMARY KEY,      -- what brought them: found/<n>, pack/<n>, or the uuid of an upload
  at INTEGER NOT NULL,          -- when
  bytes BLOB NOT NULL           -- src/drafts/places.ts
) WITHOUT ROWID;
`,
  ],
};

/** What a draft is for. */
export interface DraftHead {
  uuid: Uuid;
  artifactUuid: Uuid;
  workspaceId: number;
}

export interface DraftState extends DraftHead {
  phase: "open" | "sealing" | "ending";
  openedAt: number;
  nextPack: number;
}

/** A row that comes with the declaration: of the files, or of those whose bytes the workspace has. */
export interface DeclarationPart {
  table: "declared" | "found";
  /** 1, 2, ... within its table. */
  n: number;
  bytes: Uint8Array;
}

/** Numbers the rows of a table. */
export function toParts(
  table: DeclarationPart["table"],
  rows: readonly Uint8Array[],
): DeclarationPart[] {
  return rows.map((bytes, index) => ({ table, n: index + 1, bytes }));
}

/** A row of `places` without its bytes. */
export interface PlacesRow {
  source: string;
  at: number;
}

export class DraftRows {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
  }

  /** The draft, if it was opened and has not ended. */
  read(): DraftState | null {
    if (!this.#isThere()) {
      return null;
    }
    const [row] = this.#sql
      .exec<{ [Name in keyof DraftState]: SqlStorageValue }>(
        `SELECT uuid, artifact_uuid AS artifactUuid, workspace_id AS workspaceId, phase, opened_at AS openedAt,
           next_pack AS nextPack FROM draft WHERE phase <> 'declaring'`,
      )
      .toArray();
    return (row ?? null) as DraftState | null; // written by add(), beginSeal() and beginEnd() alone
  }

  #isThere(): boolean {
    const found = this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'draft'").toArray();
    return found.length > 0;
  }

  /** Adds parts of a declaration; with a head these are the last ones, and the draft is open. */
  add(parts: readonly DeclarationPart[], head: DraftHead | null, now: number): void {
    this.#storage.transactionSync(() => {
      if (!this.#isThere()) {
        makeTables(this.#sql, DRAFT_TABLES);
        this.#sql.exec(
          "INSERT INTO draft VALUES (1, ?, '', '', 0, 'declaring', ?, 1)",
          formatOf(DRAFT_TABLES),
          now,
        );
      }
      for (const { table, n, bytes } of parts) {
        if (table === "declared") {
          this.#sql.exec("INSERT INTO declared (n, bytes) VALUES (?, ?)", n, bytes);
        } else {
          this.addPlaces(`found/${n}`, bytes, now);
        }
      }
      if (head !== null) {
        this.#sql.exec(
          "UPDATE draft SET uuid = ?, artifact_uuid = ?, workspace_id = ?, phase = 'open'",
          head.uuid,
          head.artifactUuid,
          head.workspaceId,
        );
      }
    });
    this.setAlarm(now + LIMITS.draftCheck);
  }

  declared(): Uint8Array[] {
    const rows = this.#sql.exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM declared ORDER BY n");
    return Array.from(rows, ({ bytes }) => new Uint8Array(bytes));
  }

  /** @yields The rows of places, with their bytes. */
  *places(): Generator<PlacesRow & { bytes: Uint8Array }> {
    const rows = this.#sql.exec<{ source: string; at: number; bytes: ArrayBuffer }>(
      "SELECT source, at, bytes FROM places ORDER BY source",
    );
    for (const { source, at, bytes } of rows) {
      yield { source, at, bytes: new Uint8Array(bytes) };
    }
  }

  placesOf(source: string): Uint8Array {
    const { bytes } = this.#sql
      .exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM places WHERE source = ?", source)
      .one();
    return new Uint8Array(bytes);
  }

  addPlaces(source: string, bytes: Uint8Array, at: number): void {
    this.#sql.exec("INSERT INTO places (source, at, bytes) VALUES (?, ?, ?)", source, at, bytes);
  }

  setNextPack(number: number): void {
    this.#sql.exec("UPDATE draft SET next_pack = ?", number);
  }

  beginSeal(now: number): void {
    this.#sql.exec("UPDATE draft SET phase = 'sealing'");
    this.setAlarm(now + LIMITS.sealRetry);
  }

  beginEnd(now: number): void {
    this.#sql.exec("UPDATE draft SET phase = 'ending'");
    this.setAlarm(now + LIMITS.sealRetry);
  }

  setAlarm(at: number): void {
    void this.#storage.setAlarm(at);
  }

  /** Removes all. */
  async clear(): Promise<void> {
    await this.#storage.deleteAlarm();
    await this.#storage.deleteAll();
  }
}
