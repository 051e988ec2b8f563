// What a request under /a/ is about, in one statement: D1 takes longer to answer than to look.

import type { Uuid } from "../protocol/ids.ts";
import { COLUMNS, NEWEST, toArtifact } from "./artifacts.ts";
import type { Artifact, ArtifactRow } from "./artifacts.ts";
import { extentsOf } from "./blobs.ts";
import { toFile, toFolder } from "./files.ts";
import type { FileRow, Folder, FolderRow, StoredFile } from "./files.ts";
import { livingAt, READABLE, readerParameters } from "./reader.ts";
import type { Reader } from "./reader.ts";

interface BrowsedVersion {
  id: number;
  index: number;
  createdAt: number;
  /** False while files of it are missing. */
  sealed: boolean;
  newest: number;
}

/** An artifact under /a/ with one of its versions, and whether the reader may read it. */
export interface BrowsedArtifact extends Artifact {
  readable: boolean;
  /** In milliseconds; null: it stays. */
  expiresAt: number | null;
  /** Null when the artifact has no version, or not the one that was asked for. */
  version: BrowsedVersion | null;
  /** What is at the path in that version, for a reader who may read it: a folder where the path is '' or ends in a
   * slash, else a file whose bytes are there. */
  file: StoredFile | null;
  folder: Folder | null;
}

type BrowsedRow = ArtifactRow & {
  readable: number;
  expires_at: number | null;
  version_id: number | null;
  version_index: number;
  version_created_at: number;
  version_sealed_at: number | null;
  newest: number;
} & ({ path: null } | FileRow | FolderRow);

/** What an /a/ request asks for; `version` null is the newest. */
export interface BrowseQuery {
  artifact: number | Uuid;
  version: number | null;
  path: string;
}

/** The same as far as a file's bytes need it. */
export interface BrowsedFile extends Pick<Artifact, "id" | "shared" | "public"> {
  readable: boolean;
  expiresAt: number | null;
  version: Pick<BrowsedVersion, "id" | "createdAt" | "sealed"> | null;
  file: StoredFile | null;
}

type BrowsedFileRow = {
  id: number;
  shared: number;
  public: number;
  readable: number;
  expires_at: number | null;
  version_id: number | null;
  version_created_at: number;
  version_sealed_at: number | null;
} & ({ path: null } | FileRow);

/** What is looked up at the path, and where: for nobody who may not read it, so that the time taken tells nothing. */
const AT_PATH = {
  file: {
    columns: `f.ordinal, f.path, f.size, f.sha512, f.sha256, ${extentsOf("f.blob_id")} AS extents`,
    join: `files f ON f.version_id = v.id AND f.path = ?7 AND f.blob_id IS NOT NULL AND ${READABLE}`,
  },
  folder: {
    columns: "d.ordinal, d.path, d.entry_count, d.file_count, d.total_bytes",
    join: `folders d ON d.version_id = v.id AND d.path = ?7 AND ${READABLE}`,
  },
};

/** Of every request. */
const ADMISSION = `${READABLE} AS readable, a.expires_at, v.id AS version_id,
  v.created_at AS version_created_at, v.sealed_at AS version_sealed_at`;

/** A living artifact by its id or uuid, with one version and what is at a path in it. */
export async function findBrowsed(
  db: D1Database,
  reader: Reader,
  query: BrowseQuery,
  now: number,
): Promise<BrowsedArtifact | null> {
  const { columns, join } = AT_PATH[isFolderPath(query.path) ? "folder" : "file"];
  const all = `${COLUMNS}, ${ADMISSION}, v.version_index,
    iif(?5 IS NULL, v.version_index, ${NEWEST}) AS newest, ${columns}`;
  const row = await db
    .prepare(statementFor(query, all, join))
    .bind(...parametersFor(reader, query, now))
    .first<BrowsedRow>();
  return row && toBrowsed(row);
}

/** What the bytes of a file need of that: clients ask for them more often, and in pieces. */
export async function findBrowsedFile(
  db: D1Database,
  reader: Reader,
  query: BrowseQuery,
  now: number,
): Promise<BrowsedFile | null> {
  const { columns, join } = AT_PATH.file;
  const row = await db
    .prepare(statementFor(query, `a.id, a.shared, w.public, ${ADMISSION}, ${columns}`, join))
    .bind(...parametersFor(reader, query, now))
    .first<BrowsedFileRow>();
  return (
    row && {
      id: row.id,
      shared: row.shared === 1,
      public: row.public === 1,
      readable: row.readable === 1,
      expiresAt: row.expires_at,
      version:
        row.version_id === null
          ? null
          : {
              id: row.version_id,
              createdAt: row.version_created_at,
              sealed: row.version_sealed_at !== null,
            },
      file: row.path === null ? null : toFile(row),
    }
  );
}

/** Is a path that of a folder? */
export function isFolderPath(path: string): boolean {
  return path === "" || path.endsWith("/");
}

function statementFor({ artifact }: BrowseQuery, columns: string, join: string): string {
  return `SELECT ${columns}
    FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id
    LEFT JOIN versions v ON v.artifact_id = a.id AND v.deleted_at IS NULL
      AND v.version_index = coalesce(?5, ${NEWEST})
    LEFT JOIN ${join}
    WHERE ${typeof artifact === "number" ? "a.id" : "a.uuid"} = ?4 AND ${livingAt("?6")}`;
}

function parametersFor(reader: Reader, { artifact, version, path }: BrowseQuery, now: number) {
  return [...readerParameters(reader), artifact, version, now, path];
}

function toBrowsed(row: BrowsedRow): BrowsedArtifact {
  const { version_id: id, version_index: index, version_created_at: createdAt, newest } = row;
  const sealed = row.version_sealed_at !== null;
  return {
    ...toArtifact(row),
    readable: row.readable === 1,
    expiresAt: row.expires_at,
    version: id === null ? null : { id, index, createdAt, sealed, newest },
    file: row.path !== null && "extents" in row ? toFile(row) : null,
    folder: row.path !== null && "entry_count" in row ? toFolder(row) : null,
  };
}
