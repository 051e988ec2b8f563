// The upload object's tables, all but those of an explosion, and rows <-> UploadState. docs/storage.md explains each column.

import { RunningChecksums } from "../blobs/checksums.ts";
import { formatOf } from "../object-tables.ts";
import type { ObjectTables } from "../object-tables.ts";
import type { Uuid } from "../protocol/ids.ts";
import type { SealIntent, SealResult, UploadPlan } from "../protocol/uploads.ts";
import type { FetchState, JoiningState, Standing, UploadExtent, UploadState } from "./state.ts";

/** Made by `open`. */
export const UPLOAD_TABLES: ObjectTables = {
  home: "upload",
  steps: [
    `
CREATE TABLE upload (
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
  result TEXT,
  sealed_at INTEGER,
  room INTEGER,
  fetch TEXT,
  plan TEXT,
  declared_length INTEGER,
  standing TEXT,
  joining TEXT
);
CREATE TABLE extents (
  n INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  part_size INTEGER NOT NULL,
  length INTEGER NOT NULL,
  multipart_id TEXT,
  next_number INTEGER NOT NULL,
  begun_at INTEGER NOT NULL
);
CREATE TABLE parts (
  extent_n INTEGER NOT NULL,
  number INTEGER NOT NULL,
  etag TEXT NOT NULL,
  PRIMARY KEY (extent_n, number)
) WITHOUT ROWID;
CREATE TABLE tail (n INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE boundaries (offset INTEGER PRIMARY KEY, checksums BLOB NOT NULL);
CREATE TABLE garbage (key TEXT PRIMARY KEY, multipart_id TEXT);
`,
  ],
};

/** How many bytes a new upload may hold, null being no limit of its own, whether it fetches them, and what /files/ knows
 * of it. */
export interface Origin {
  room: number | null;
  fetch?: FetchState | null;
  plan?: UploadPlan | null;
  length?: number | null;
  joining?: JoiningState;
}

/** Where nothing is to be said. */
export const PLAIN: Standing = {
  isFinished: false,
  isWithdrawn: false,
  taker: null,
  refusal: null,
};

/** Adds the one row of `upload`. */
export function insertUpload(
  sql: SqlStorage,
  { uuid, workspaceId, at, ...origin }: Origin & { uuid: Uuid; workspaceId: number; at: number },
): void {
  const { room, fetch = null, plan = null, length = null, joining = null } = origin;
  sql.exec(
    `INSERT INTO upload (id, format, uuid, workspace_id, created_at, last_append_at, reported_at,
                         tail_length, extents_begun, checksums, phase, room, fetch, plan, declared_length,
                         joining)
     VALUES (1, ?1, ?2, ?3, ?4, ?4, ?4, 0, 0, ?5, 'open', ?6, ?7, ?8, ?9, ?10)`,
    formatOf(UPLOAD_TABLES),
    uuid,
    workspaceId,
    at,
    new RunningChecksums().save(),
    room,
    fetch && JSON.stringify(fetch),
    plan && JSON.stringify(plan),
    length,
    joining && JSON.stringify(joining),
  );
}

export type UploadRow = {
  uuid: string;
  workspace_id: number;
  created_at: number;
  last_append_at: number;
  reported_at: number;
  tail_length: number;
  checksums: ArrayBuffer;
  phase: string;
  intent: string | null;
  result: string | null;
  sealed_at: number | null;
  room: number | null;
  fetch: string | null;
  // What follows is absent from rows that are older than it.
  plan?: string | null;
  declared_length?: number | null;
  standing?: string | null;
  joining?: string | null;
};

export type ExtentRow = {
  n: number;
  key: string;
  part_size: number;
  length: number;
  multipart_id: string | null;
  begun_at: number;
};

function toExtent(row: ExtentRow): UploadExtent {
  const { n, key, part_size: partSize, length, multipart_id: id } = row;
  const multipart = id === null ? null : { id, begunAt: row.begun_at };
  return { n, key, partSize, length, multipart };
}

/** What /files/ knows of it, as insertUpload() and standing-rows.ts wrote it. */
function knownOfFiles(
  row: UploadRow,
): Pick<UploadState, "plan" | "length" | "standing" | "joining"> {
  const { plan, declared_length: length, standing, joining } = row;
  return {
    plan: JSON.parse(plan ?? "null") as UploadPlan | null,
    length: length ?? null,
    standing: { ...PLAIN, ...(JSON.parse(standing ?? "{}") as Partial<Standing>) },
    joining: JSON.parse(joining ?? "null") as JoiningState | null,
  };
}

/** The state that the rows hold. */
export function toState(row: UploadRow, extentRows: readonly ExtentRow[]): UploadState {
  const extents = extentRows.map(toExtent);
  const basis = {
    uuid: row.uuid as Uuid, // written by open(), from a Uuid
    workspaceId: row.workspace_id,
    room: row.room,
    createdAt: row.created_at,
    lastAppendAt: row.last_append_at,
    reportedAt: row.reported_at,
    extents,
    tailLength: row.tail_length,
    fetch: JSON.parse(row.fetch ?? "null") as FetchState | null, // written by noteFetch()
    ...knownOfFiles(row),
  };
  if (row.phase === "open") {
    return { ...basis, phase: "open" };
  }
  if (row.phase === "expired") {
    return { ...basis, phase: "expired" };
  }
  const intent = JSON.parse(row.intent ?? "null") as SealIntent; // written by beginSeal(), as sealed_at
  const at = row.sealed_at ?? 0;
  if (row.phase === "sealing") {
    return { ...basis, phase: "sealing", intent, sealingSince: at };
  }
  const result = JSON.parse(row.result ?? "null") as SealResult; // written by seal()
  return { ...basis, phase: "sealed", intent, result, sealedAt: at };
}
