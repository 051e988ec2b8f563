// The upload object's own SQLite rows <-> UploadState. Every change of what an upload is goes through one
// `transactionSync` here; the state in memory is read again from the rows after it, so they cannot differ. A plain
// append alone, which is frequent, moves the memory on by itself: after its transaction, never before.

import { RunningChecksums } from "../blobs/checksums.ts";
import type { StoredPart } from "../blobs/objects.ts";
import { makeTables, upgradeTables } from "../object-tables.ts";
import type { Uuid } from "../protocol/ids.ts";
import type { SealIntent, SealResult } from "../protocol/uploads.ts";
import { EXPLOSION_TABLES, ExplodeRows } from "./explode-rows.ts";
import { insertUpload, toState, UPLOAD_TABLES } from "./ledger-rows.ts";
import type { ExtentRow, Origin, UploadRow } from "./ledger-rows.ts";
import { LeftoverRows } from "./leftover-rows.ts";
import { PartRows } from "./part-rows.ts";
import { clipExtents, isAllThere, nextAlarm, openExtent } from "./state.ts";
import type { FetchState, UploadExtent, UploadState } from "./state.ts";
import { TailRows } from "./tail-rows.ts";
import type { TailChange } from "./tail-rows.ts";

/** A saved hash state and the offset that it belongs to. */
export interface Boundary {
  offset: number;
  checksums: Uint8Array;
}

/** What an append adds, all of it or nothing. */
export interface AppendCommit {
  /** The parts stored in each extent, by its number. */
  parts: ReadonlyMap<number, readonly StoredPart[]>;
  boundaries: readonly Boundary[];
  /** The bytes after the last boundary: all of them, or only those to be added to the tail. */
  tail: TailChange;
  checksums: Uint8Array;
  at: number;
}

const ANYWHERE: Origin = { room: null };

export class Ledger {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  /** The bytes after the last extent; to be read only, they change with the rest of the upload. */
  readonly tail: TailRows;
  /** The parts of its extents. */
  readonly parts: PartRows;
  /** What is left over of it in R2. */
  readonly leftovers: LeftoverRows;
  /** How far an archive is exploded. */
  readonly explosion: ExplodeRows;
  /** Newer code was here: its rows are neither read nor changed, and nothing but this may be asked. */
  readonly isNewer: boolean;
  #state: UploadState | null;
  /** The saved hash states of all bytes received; empty without an upload. */
  #checksums: Uint8Array = new Uint8Array();

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.tail = new TailRows(storage.sql);
    this.parts = new PartRows(storage.sql);
    this.leftovers = new LeftoverRows(storage.sql);
    this.explosion = new ExplodeRows(storage);
    // No tables before open(): an object that is asked about an unknown upload must leave nothing behind.
    const homes = upgradeTables(storage, [UPLOAD_TABLES, EXPLOSION_TABLES]);
    this.isNewer = homes === null;
    this.#state = homes?.has(UPLOAD_TABLES.home) === true ? this.#read() : null;
  }

  /** Where the upload stands, or null when this object has none. */
  get state(): UploadState | null {
    return this.#state;
  }

  /** The checksums of all bytes received. */
  checksums(): RunningChecksums {
    return RunningChecksums.load(this.#checksums);
  }

  open(uuid: Uuid, workspaceId: number, at: number, origin: Origin = ANYWHERE): void {
    this.#change(() => {
      makeTables(this.#sql, UPLOAD_TABLES);
      insertUpload(this.#sql, { uuid, workspaceId, at, ...origin });
    });
  }

  /** The last boundary at or before `offset`. */
  boundaryBefore(offset: number): { offset: number; checksums: RunningChecksums } {
    const [row] = this.#sql
      .exec<{ offset: number; checksums: ArrayBuffer }>(
        "SELECT offset, checksums FROM boundaries WHERE offset <= ? ORDER BY offset DESC LIMIT 1",
        offset,
      )
      .toArray();
    if (row === undefined) {
      return { offset: 0, checksums: new RunningChecksums() };
    }
    return { ...row, checksums: RunningChecksums.load(new Uint8Array(row.checksums)) };
  }

  /** Takes a number and a key for a new R2 object; none is ever taken twice. */
  takeExtentNumber(): { n: number; key: string } {
    const { n, uuid } = this.#sql
      .exec<{ n: number; uuid: string }>(
        "UPDATE upload SET extents_begun = extents_begun + 1 RETURNING extents_begun AS n, uuid",
      )
      .one();
    return { n, key: `uploads/${uuid}/${n}` };
  }

  /** Notes an R2 object that has no byte of the upload yet. */
  addExtent(extent: UploadExtent): void {
    const { n, key, partSize, multipart } = extent;
    this.#change(() => {
      this.#sql.exec(
        `INSERT INTO extents (n, key, part_size, length, multipart_id, next_number, begun_at)
         VALUES (?, ?, ?, 0, ?, 1, ?)`,
        n,
        key,
        partSize,
        multipart?.id ?? null,
        multipart?.begunAt ?? 0,
      );
    });
  }

  /** Notes that an extent's multipart upload is complete. */
  closeExtent(extentNumber: number): void {
    this.#change(() => this.#close(extentNumber));
  }

  append(commit: AppendCommit): void {
    const { parts, boundaries, tail, checksums, at } = commit;
    const state = this.#state;
    const tailLength = (tail.kind === "extend" ? (state?.tailLength ?? 0) : 0) + tail.bytes.length;
    const write = () => {
      for (const [extentNumber, stored] of parts) {
        this.parts.add(extentNumber, stored);
      }
      for (const boundary of boundaries) {
        this.#addBoundary(boundary.offset, boundary.checksums);
      }
      this.tail.write(tail);
      this.#sql.exec(
        "UPDATE upload SET tail_length = ?, checksums = ?, last_append_at = ?",
        tailLength,
        checksums,
        at,
      );
    };
    if (state === null || parts.size > 0) {
      this.#change(write);
      return;
    }
    this.#transact(write);
    this.#state = { ...state, tailLength, lastAppendAt: at };
    this.#checksums = checksums;
    if (isAllThere(this.#state)) {
      this.setAlarm(); // should nobody be left to seal it
    }
  }

  /** Makes `tail` all that follows `end`, a boundary; what lay behind is noted as left over. */
  cut(end: number, tail: Uint8Array, checksums: Uint8Array): void {
    const { kept, dropped } = clipExtents(this.#state?.extents ?? [], end);
    this.#change(() => {
      for (const { extent, parts } of kept) {
        this.#sql.exec("UPDATE extents SET length = ? WHERE n = ?", extent.length, extent.n);
        this.parts.keep(extent.n, parts);
      }
      dropped.forEach((extent) => this.#drop(extent));
      this.#sql.exec("DELETE FROM boundaries WHERE offset > ?", end);
      this.tail.write({ kind: "replace", bytes: tail });
      this.#sql.exec("UPDATE upload SET tail_length = ?, checksums = ?", tail.length, checksums);
    });
  }

  /** Moves the tail into extent `n`, which is complete with it. */
  absorbTail(extentNumber: number): void {
    this.#change(() => {
      this.#sql.exec(
        "UPDATE extents SET length = length + (SELECT tail_length FROM upload) WHERE n = ?",
        extentNumber,
      );
      this.#close(extentNumber);
      this.tail.write({ kind: "replace", bytes: new Uint8Array() });
      this.#sql.exec("UPDATE upload SET tail_length = 0");
      this.#sql.exec(
        `INSERT OR REPLACE INTO boundaries (offset, checksums)
         SELECT (SELECT sum(length) FROM extents), checksums FROM upload`,
      );
    });
  }

  /** Notes extents without a byte as left over: a failed append completed them, or a seal has no use for
   * them. The open one is kept for the next part unless `openToo`. */
  dropEmptyExtents({ openToo }: { openToo: boolean }): void {
    const empty = this.#state?.extents.filter(({ length }) => length === 0) ?? [];
    const dropped = empty.filter(({ multipart }) => openToo || multipart === null);
    if (dropped.length > 0) {
      this.#change(() => dropped.forEach((extent) => this.#drop(extent)));
    }
  }

  beginSeal(intent: SealIntent, at: number): void {
    this.#change(() => {
      this.#sql.exec(
        "UPDATE upload SET phase = 'sealing', intent = ?, sealed_at = ?",
        JSON.stringify(intent),
        at,
      );
    });
  }

  /** Opens the upload again: it will not become what it was to. */
  reopen(): void {
    this.#change(() => {
      this.#sql.exec("UPDATE upload SET phase = 'open', intent = NULL, sealed_at = NULL");
    });
  }

  /** Keeps the answer and forgets what is no longer needed for it: all R2 data where another upload brings it. */
  seal(result: SealResult, at: number): void {
    this.#change(() => {
      if (result.versionIndex === null) {
        this.#state?.extents.forEach((extent) => this.#drop(extent));
      }
      this.#sql.exec(
        "UPDATE upload SET phase = 'sealed', result = ?, sealed_at = ?",
        JSON.stringify(result),
        at,
      );
      this.#sql.exec("DELETE FROM boundaries");
    });
  }

  /** Notes how far the fetch has come, and wakes the object when it is due again. */
  noteFetch(fetch: FetchState): void {
    this.#change(() => {
      this.#sql.exec("UPDATE upload SET fetch = ?", JSON.stringify(fetch));
    });
    this.setAlarm();
  }

  reported(at: number): void {
    this.#change(() => {
      this.#sql.exec("UPDATE upload SET reported_at = ?", at);
    });
  }

  /** Ends the upload and notes all its R2 data as left over, to be removed next. */
  expire(): void {
    this.#change(() => {
      this.#sql.exec("UPDATE upload SET phase = 'expired'");
      this.#state?.extents.forEach((extent) => this.#drop(extent));
    });
  }

  /** Forgets the upload. */
  async clear(): Promise<void> {
    await this.#storage.deleteAlarm();
    await this.#storage.deleteAll();
    this.tail.forget();
    this.#state = null;
  }

  /** Sets the alarm that the state asks for, or one at `due`. Written with the rows: no await lies between. */
  setAlarm(due?: number): void {
    if (this.#state === null) {
      return;
    }
    const at = due ?? nextAlarm(this.#state, Date.now());
    void (at === null ? this.#storage.deleteAlarm() : this.#storage.setAlarm(at));
  }

  /** Changes the rows in one transaction, then reads the state again; what others write (standing-rows.ts). */
  change(write: (sql: SqlStorage) => void): void {
    this.#change(() => write(this.#sql));
  }

  #change(write: () => void): void {
    const before = this.#state;
    this.#transact(write);
    this.#state = this.#read();
    if (before?.phase !== this.#state?.phase || openKey(before) !== openKey(this.#state)) {
      this.setAlarm();
    }
  }

  /** What fails is rolled back; the state in memory, not touched yet, then agrees with the rows again. */
  #transact(write: () => void): void {
    try {
      this.#storage.transactionSync(write);
    } catch (error) {
      this.tail.forget();
      throw error;
    }
  }

  #addBoundary(offset: number, checksums: Uint8Array): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO boundaries (offset, checksums) VALUES (?, ?)",
      offset,
      checksums,
    );
  }

  #close(extentNumber: number): void {
    this.#sql.exec("UPDATE extents SET multipart_id = NULL WHERE n = ?", extentNumber);
    this.parts.remove(extentNumber);
  }

  #drop({ n, key, multipart }: UploadExtent): void {
    this.leftovers.add({ key, multipart: multipart && { key, id: multipart.id } });
    this.#sql.exec("DELETE FROM extents WHERE n = ?", n);
    this.parts.remove(n);
  }

  #read(): UploadState | null {
    const [row] = this.#sql.exec<UploadRow>("SELECT * FROM upload").toArray();
    if (row === undefined) {
      return null;
    }
    const extents = this.#sql.exec<ExtentRow>("SELECT * FROM extents ORDER BY n").toArray();
    this.#checksums = new Uint8Array(row.checksums);
    return toState(row, extents);
  }
}

function openKey(state: UploadState | null): string | null {
  return state && (openExtent(state)?.key ?? null);
}
