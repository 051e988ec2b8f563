// A folder as an archive of known length: any of its bytes can be sent, without walking to them. The layout
// says where everything is, the catalog which files are there, R2 gives their bytes.

import type { ArchiveFormat, Run, Section } from "../archive/layout.ts";
import { LAYOUT_REVISION, layOut, measureAt } from "../archive/layout.ts";
import { slicesFor } from "../blobs/extents.ts";
import type { Piece } from "../blobs/join-pieces.ts";
import type { Reading } from "../blobs/open-slice.ts";
import { sendPieces } from "../blobs/send-pieces.ts";
import {
  entriesBelow,
  findPlace,
  measureFiles,
  walkFiles,
  walkHeads,
} from "../catalog/archive-files.ts";
import type { ArchivedHead, FileSums, OrdinalRange } from "../catalog/archive-files.ts";
import type { Folder } from "../catalog/files.ts";
import type { Extent } from "../protocol/uploads.ts";

/** Where an archive comes from. */
interface Stores {
  db: Env["DB"];
  reading: Reading;
}

/** The version that an archive shows a folder of. */
export interface ArchivedVersion {
  id: number;
  index: number;
  /** The time of every member, in milliseconds. */
  createdAt: number;
  artifactUuid: string;
}

/** An archive that can be sent in slices (http/content.ts calls it a ByteSource). */
export interface ArchiveSource {
  size: number;
  etag: string;
  lastModified: number;
  reprDigest: null;
  /** Writes bytes [start, end) and leaves `to` open; rejects when they cannot all be read. */
  send(start: number, end: number, to: WritableStream<Uint8Array>): Promise<void>;
}

/** Where the members of an archive are in the catalog. */
interface Members {
  db: Env["DB"];
  version: ArchivedVersion;
  range: OrdinalRange;
  /** The sums before the first. */
  before: FileSums;
}

/** The bytes [start, end) of something. */
interface Part {
  start: number;
  end: number;
}

/** Plans the archive of a folder, of a version that is complete. */
export async function planArchive(
  stores: Stores,
  format: ArchiveFormat,
  version: ArchivedVersion,
  folder: Folder,
): Promise<ArchiveSource> {
  const range = entriesBelow(folder);
  const { before, after } = await measureFiles(stores.db, version.id, range);
  const sections = layOut(format, before, after);
  const members = { db: stores.db, version, range, before };
  return {
    size: sections.reduce((sum, { length }) => sum + length, 0),
    etag: await etagOf(format, version, folder),
    lastModified: version.createdAt,
    reprDigest: null,
    send: (start, end, to) =>
      sendPieces(stores.reading, piecesOf(sections, members, { start, end }), to),
  };
}

/** Names the bytes by what decides them: a version's files never change. */
async function etagOf(
  format: ArchiveFormat,
  { artifactUuid, index, createdAt }: ArchivedVersion,
  { path }: Folder,
): Promise<string> {
  const facts = JSON.stringify([format, LAYOUT_REVISION, artifactUuid, index, createdAt, path]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(facts));
  return `"${format}-${new Uint8Array(digest).toHex()}"`;
}

/** @yields The pieces that make a part of an archive, in batches. */
async function* piecesOf(
  sections: readonly Section[],
  members: Members,
  { start, end }: Part,
): AsyncGenerator<Iterable<Piece>> {
  let at = 0;
  for (const section of sections) {
    const part = { start: Math.max(start - at, 0), end: Math.min(end - at, section.length) };
    if (part.start < part.end) {
      yield* section.kind === "run"
        ? runPieces(section, members, part)
        : [bytesPieces(section.bytes, part)];
    }
    at += section.length;
  }
}

/** @yields The pieces that make a part of a run, from the member that is there at its start; a batch a page. */
async function* runPieces(run: Run, members: Members, part: Part): AsyncGenerator<Iterable<Piece>> {
  const { db, version, range, before } = members;
  const origin = measureAt(run.measure, before);
  const position = origin + part.start;
  const after =
    part.start === 0
      ? range.after
      : await findPlace(db, version.id, range, { ...run.measure, position });
  const walk = run.hasContent ? walkFiles : walkHeads;
  const cursor = { run, version, origin, reached: part.start === 0 ? 0 : null };
  for await (const files of walk(db, version.id, { after, last: range.last })) {
    yield pagePieces(files, cursor, part);
    if (cursor.reached !== null && cursor.reached >= part.end) {
      return;
    }
  }
  throw new Error(`Cannot archive version ${version.id}: files are missing in its catalog`);
}

/** How far a run was laid out. */
interface Cursor {
  run: Run;
  version: ArchivedVersion;
  /** The measure where the run begins. */
  origin: number;
  /** Where the last member ended; null before the first, when it was not the run's first. */
  reached: number | null;
}

/** @yields The pieces of a page's members that are in `part`; moves the cursor. */
function* pagePieces(
  files: readonly (ArchivedHead & { extents?: Extent[] })[],
  cursor: Cursor,
  part: Part,
): Generator<Piece> {
  const { run, version, origin } = cursor;
  for (const file of files) {
    const member = memberOf(run, file, version);
    const end = measureAt(run.measure, file.sums) - origin;
    const start = end - member.length;
    if (cursor.reached === null ? start > part.start : start !== cursor.reached) {
      throw new Error(`Cannot archive '${file.path}': it is not where the sums of its version say`);
    }
    cursor.reached = end;
    yield* memberPieces(member, { start: part.start - start, end: part.end - start });
    if (end >= part.end) {
      return;
    }
  }
}

/** A member as a run has it. */
interface RunMember {
  length: number;
  head: Uint8Array;
  content: { size: number; extents: readonly Extent[] };
  tail: Uint8Array;
}

function memberOf(
  run: Run,
  file: ArchivedHead & { extents?: Extent[] },
  { createdAt }: ArchivedVersion,
): RunMember {
  const placed = { ...file, modifiedAt: createdAt };
  const [head, tail] = [run.head(placed), run.tail(placed)];
  const size = run.hasContent ? file.size : 0;
  const length = head.length + size + tail.length;
  return { length, head, content: { size, extents: file.extents ?? [] }, tail };
}

/** @yields The pieces of a member that are in `part`, which may reach beyond it at both ends. */
function* memberPieces({ head, content, tail }: RunMember, part: Part): Generator<Piece> {
  const { size, extents } = content;
  yield* bytesPieces(head, part);
  const inside = shift(part, head.length);
  const wanted = Math.min(inside.end, size) - Math.max(inside.start, 0);
  if (wanted > 0) {
    const slices = slicesFor(extents, inside.start, inside.end);
    const found = slices.reduce((sum, { length }) => sum + length, 0);
    if (found !== wanted) {
      throw new Error(`Cannot archive a file: its extents have ${found} bytes of ${wanted}`);
    }
    for (const slice of slices) {
      yield { kind: "slice", slice };
    }
  }
  yield* bytesPieces(tail, shift(inside, size));
}

function* bytesPieces(bytes: Uint8Array, { start, end }: Part): Generator<Piece> {
  const wanted = bytes.subarray(Math.max(start, 0), Math.max(end, 0));
  if (wanted.length > 0) {
    yield { kind: "bytes", bytes: wanted };
  }
}

/** The same part, counted from `by` bytes later. */
function shift({ start, end }: Part, by: number): Part {
  return { start: start - by, end: end - by };
}
