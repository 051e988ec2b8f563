// The upload object's own SQLite rows <-> UploadState. Every change of what an upload is goes through one
// `transactionSync` here; the state in memory is read again from the rows after it, so they cannot differ.

import { RunningChecksums } from "../blobs/checksums.ts";
import type { Multipart, StoredPart } from "../blobs/objects.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { SealIntent, SealResult } from "../protocol/uploads.ts";

import { clipExtents, nextAlarm, openExtent } from "./state.ts";
import type { UploadExtent, UploadState } from "./state.ts";

// docs/storage.md explains each column.
const SCHEMA = `
CREATE TABLE IF NOT EXISTS upload (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  format INTEGER NOT NULL,
  uuid TEXT NOT NULL,
  workspace_id INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  last_append_at INTEGER NOT NULL,
  reported_at INTEGER NOT NULL,
  tail_length INTEGER NOT NULL,
  extents_begun INTEGER NOT NULL,
  checksums BLOB NOT NULL,
  phase TEXT NOT NULL,
  intent TEXT,
  blob_uuid TEXT,
  result TEXT,
  sealed_at INTEGER
);
CREATE TABLE IF NOT EXISTS extents (
  n INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  part_size INTEGER NOT NULL,
  length INTEGER NOT NULL,
  multipart_id TEXT,
  next_number INTEGER NOT NULL,
  begun_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS parts (
  extent_n INTEGER NOT NULL,
  number INTEGER NOT NULL,
  etag TEXT NOT NULL,
  PRIMARY KEY (extent_n, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tail (n INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS boundaries (offset INTEGER PRIMARY KEY, checksums BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS garbage (key TEXT PRIMARY KEY, multipart_id TEXT);
`;

/** Raised when the rows change their meaning; a newer object then upgrades the older rows here. */
const FORMAT = 1;

type UploadRow = {
  format: number;
  uuid: string;
  workspace_id: number;
  created_at: number;
  last_append_at: number;
  reported_at: number;
  tail_length: number;
  phase: string;
  intent: string | null;
  blob_uuid: string | null;
  result: string | null;
  sealed_at: number | null;
};

type ExtentRow = {
  n: number;
  key: string;
  part_size: number;
  length: number;
  multipart_id: string | null;
  begun_at: number;
};

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
  tail: { kind: "replace" | "extend"; bytes: Uint8Array };
  checksums: Uint8Array;
  at: number;
}

/** R2 data that the upload left behind and has still to delete. */
export interface Leftover {
  key: string;
  multipart: Multipart | null;
}

export class Ledger {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  #state: UploadState | null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
    // No tables before open(): an object that is asked about an unknown upload must leave nothing behind.
    const tables = this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'upload'").toArray();
    this.#state = tables.length === 0 ? null : this.#read();
  }

  /** Where the upload stands, or null when this object has none. */
  get state(): UploadState | null {
    return this.#state;
  }

  /** The checksums of all bytes received. */
  checksums(): RunningChecksums {
    const row = this.#sql.exec<{ checksums: ArrayBuffer }>("SELECT checksums FROM upload").one();
    return RunningChecksums.load(new Uint8Array(row.checksums));
  }

  open(uuid: Uuid, workspaceId: number, at: number): void {
    this.#change(() => {
      this.#sql.exec(SCHEMA);
      this.#sql.exec(
        `INSERT INTO upload (id, format, uuid, workspace_id, created_at, last_append_at, reported_at,
                             tail_length, extents_begun, checksums, phase)
         VALUES (1, ?, ?, ?, ?, ?, ?, 0, 0, ?, 'open')`,
        FORMAT,
        uuid,
        workspaceId,
        at,
        at,
        at,
        new RunningChecksums().save(),
      );
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
    return row === undefined
      ? { offset: 0, checksums: new RunningChecksums() }
      : { offset: row.offset, checksums: RunningChecksums.load(new Uint8Array(row.checksums)) };
  }

  /** The first `length` bytes of the tail, in a new array of `capacity` bytes. */
  readTail(length: number, capacity: number = length): Uint8Array {
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

  /** The stored parts of an extent, in order. */
  parts(extentNumber: number): StoredPart[] {
    return this.#sql
      .exec<{ number: number; etag: string }>(
        "SELECT number, etag FROM parts WHERE extent_n = ? ORDER BY number",
        extentNumber,
      )
      .toArray()
      .map(({ number, etag }) => ({ partNumber: number, etag }));
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

  /** How many part numbers of an extent are taken. */
  partNumbersTaken(extentNumber: number): number {
    return this.#sql
      .exec<{ taken: number }>("SELECT next_number - 1 AS taken FROM extents WHERE n = ?", extentNumber)
      .one().taken;
  }

  /** Takes the next `count` part numbers of an extent and gives the first; none is ever taken twice. */
  takePartNumbers(extentNumber: number, count: number): number {
    return this.#sql
      .exec<{ first: number }>(
        "UPDATE extents SET next_number = next_number + ?1 WHERE n = ?2 RETURNING next_number - ?1 AS first",
        count,
        extentNumber,
      )
      .one().first;
  }

  /** Notes that an extent's multipart upload is complete. */
  closeExtent(extentNumber: number): void {
    this.#change(() => this.#close(extentNumber));
  }

  append(commit: AppendCommit): void {
    this.#change(() => {
      for (const [extentNumber, parts] of commit.parts) {
        this.#addParts(extentNumber, parts);
      }
      for (const { offset, checksums } of commit.boundaries) {
        this.#addBoundary(offset, checksums);
      }
      if (commit.tail.kind === "replace") {
        this.#emptyTail();
      }
      this.#extendTail(commit.tail.bytes);
      this.#sql.exec("UPDATE upload SET checksums = ?, last_append_at = ?", commit.checksums, commit.at);
    });
  }

  /** Makes `tail` all that follows `end`, a boundary; what lay behind is noted as left over. */
  cut(end: number, tail: Uint8Array, checksums: Uint8Array): void {
    const { kept, dropped } = clipExtents(this.#state?.extents ?? [], end);
    this.#change(() => {
      for (const { extent, parts } of kept) {
        this.#sql.exec("UPDATE extents SET length = ? WHERE n = ?", extent.length, extent.n);
        this.#sql.exec(
          `DELETE FROM parts WHERE extent_n = ?1 AND number NOT IN
             (SELECT number FROM parts WHERE extent_n = ?1 ORDER BY number LIMIT ?2)`,
          extent.n,
          parts,
        );
      }
      dropped.forEach((extent) => this.#drop(extent));
      this.#sql.exec("DELETE FROM boundaries WHERE offset > ?", end);
      this.#emptyTail();
      this.#extendTail(tail);
      this.#sql.exec("UPDATE upload SET checksums = ?", checksums);
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
      this.#emptyTail();
      this.#sql.exec(
        `INSERT OR REPLACE INTO boundaries (offset, checksums)
         SELECT (SELECT sum(length) FROM extents), checksums FROM upload`,
      );
    });
  }

  /** Notes extents without a byte as left over: a failed append completed them, or a seal has no use for
   * them. The open one is kept for the next part unless `openToo`. */
  dropEmptyExtents({ openToo }: { openToo: boolean }): void {
    const empty = (this.#state?.extents ?? []).filter(
      ({ length, multipart }) => length === 0 && (openToo || multipart === null),
    );
    if (empty.length > 0) {
      this.#change(() => empty.forEach((extent) => this.#drop(extent)));
    }
  }

  beginSeal(intent: SealIntent, blobUuid: Uuid): void {
    this.#change(() => {
      this.#sql.exec(
        "UPDATE upload SET phase = 'sealing', intent = ?, blob_uuid = ?",
        JSON.stringify(intent),
        blobUuid,
      );
    });
  }

  /** Opens the upload again after the catalog refused what it was to become. */
  reopen(): void {
    this.#change(() => {
      this.#sql.exec("UPDATE upload SET phase = 'open', intent = NULL, blob_uuid = NULL");
    });
  }

  /** Keeps the answer and forgets what is no longer needed for it. */
  seal(result: SealResult, at: number): void {
    this.#change(() => {
      this.#sql.exec(
        "UPDATE upload SET phase = 'sealed', result = ?, sealed_at = ?",
        JSON.stringify(result),
        at,
      );
      this.#sql.exec("DELETE FROM boundaries");
    });
  }

  reported(at: number): void {
    this.#change(() => {
      this.#sql.exec("UPDATE upload SET reported_at = ?", at);
    });
  }

  leftovers(): Leftover[] {
    return this.#sql
      .exec<{ key: string; multipart_id: string | null }>("SELECT key, multipart_id FROM garbage LIMIT 1000")
      .toArray()
      .map(({ key, multipart_id: id }) => ({ key, multipart: id === null ? null : { key, id } }));
  }

  forgetLeftovers(keys: readonly string[]): void {
    this.#sql.exec(
      "DELETE FROM garbage WHERE key IN (SELECT value FROM json_each(?))",
      JSON.stringify(keys),
    );
  }

  /** Notes all R2 data of the upload as left over: the first step of its removal. */
  dropAllExtents(): void {
    this.#change(() => this.#state?.extents.forEach((extent) => this.#drop(extent)));
  }

  /** Forgets the upload. */
  async clear(): Promise<void> {
    await this.#storage.deleteAlarm();
    await this.#storage.deleteAll();
    this.#state = null;
  }

  /** Sets the alarm that the state asks for. Written with the rows: no await lies between. */
  setAlarm(): void {
    const at = this.#state && nextAlarm(this.#state, Date.now());
    void (at === null ? this.#storage.deleteAlarm() : this.#storage.setAlarm(at));
  }

  #change(write: () => void): void {
    const before = this.#state;
    this.#storage.transactionSync(write);
    this.#state = this.#read();
    if (before?.phase !== this.#state?.phase || openKey(before) !== openKey(this.#state)) {
      this.setAlarm();
    }
  }

  #addParts(extentNumber: number, parts: readonly StoredPart[]): void {
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

  #addBoundary(offset: number, checksums: Uint8Array): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO boundaries (offset, checksums) VALUES (?, ?)",
      offset,
      checksums,
    );
  }

  #extendTail(bytes: Uint8Array): void {
    let from = 0;
    this.#sql.exec("UPDATE upload SET tail_length = tail_length + ?", bytes.length);
    const [last] = this.#sql
      .exec<{ n: number; bytes: ArrayBuffer }>(
        "SELECT n, bytes FROM tail WHERE n = (SELECT max(n) FROM tail) AND length(bytes) + ? <= ?",
        bytes.length,
        LIMITS.tailRowJoin,
      )
      .toArray();
    if (last !== undefined) {
      const joined = new Uint8Array(last.bytes.byteLength + bytes.length);
      joined.set(new Uint8Array(last.bytes));
      joined.set(bytes, last.bytes.byteLength);
      this.#sql.exec("UPDATE tail SET bytes = ? WHERE n = ?", joined, last.n);
      from = bytes.length;
    }
    for (; from < bytes.length; from += LIMITS.tailRow) {
      this.#sql.exec("INSERT INTO tail (bytes) VALUES (?)", bytes.slice(from, from + LIMITS.tailRow));
    }
  }

  #emptyTail(): void {
    this.#sql.exec("DELETE FROM tail");
    this.#sql.exec("UPDATE upload SET tail_length = 0");
  }

  #close(extentNumber: number): void {
    this.#sql.exec("UPDATE extents SET multipart_id = NULL WHERE n = ?", extentNumber);
    this.#sql.exec("DELETE FROM parts WHERE extent_n = ?", extentNumber);
  }

  #drop({ n, key, multipart }: UploadExtent): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO garbage (key, multipart_id) VALUES (?, ?)",
      key,
      multipart?.id ?? null,
    );
    this.#sql.exec("DELETE FROM extents WHERE n = ?", n);
    this.#sql.exec("DELETE FROM parts WHERE extent_n = ?", n);
  }

  #read(): UploadState | null {
    const [row] = this.#sql.exec<UploadRow>("SELECT * FROM upload").toArray();
    if (row === undefined) {
      return null;
    }
    if (row.format !== FORMAT) {
      throw new Error(`Cannot read an upload of format ${row.format}: this is ${FORMAT}`);
    }
    const extents = this.#sql.exec<ExtentRow>("SELECT * FROM extents ORDER BY n").toArray();
    return toState(row, extents.map(toExtent));
  }
}

function openKey(state: UploadState | null): string | null {
  return state && (openExtent(state)?.key ?? null);
}

function toExtent(row: ExtentRow): UploadExtent {
  const { n, key, part_size: partSize, length, multipart_id: id } = row;
  const multipart = id === null ? null : { id, begunAt: row.begun_at };
  return { n, key, partSize, length, multipart };
}

function toState(row: UploadRow, extents: UploadExtent[]): UploadState {
  const basis = {
    uuid: row.uuid as Uuid, // written by open(), from a Uuid
    workspaceId: row.workspace_id,
    createdAt: row.created_at,
    lastAppendAt: row.last_append_at,
    reportedAt: row.reported_at,
    extents,
    tailLength: row.tail_length,
  };
  if (row.phase === "open") {
    return { ...basis, phase: "open" };
  }
  const intent = JSON.parse(row.intent ?? "null") as SealIntent; // written by beginSeal()
  if (row.phase === "sealing") {
    return { ...basis, phase: "sealing", intent, blobUuid: row.blob_uuid as Uuid };
  }
  const result = JSON.parse(row.result ?? "null") as SealResult; // written by seal()
  return { ...basis, phase: "sealed", intent, result, sealedAt: row.sealed_at ?? 0 };
}
