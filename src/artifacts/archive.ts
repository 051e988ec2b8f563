// A folder as an archive of known length: any of its bytes can be sent, without walking to them. The layout
// says where everything is, the manifest which files are there, R2 gives their bytes.

import type { ArchiveFormat, PlacedHead, Run, Section } from "../archive/layout.ts";
import { LAYOUT_REVISION, layOut, measureAt } from "../archive/layout.ts";
import { LAYOUTS } from "../archive/lengths.ts";
import type { Piece } from "../blobs/join-pieces.ts";
import type { Reading } from "../blobs/open-slice.ts";
import { piecesOfExtents } from "../blobs/placed.ts";
import { sendPieces } from "../blobs/send-pieces.ts";
import type { ManifestRow } from "../catalog/contents/held-files.ts";
import { addSums, sumsOfEmptyFolder } from "../manifest/entries.ts";
import type { Entry, FileEntry } from "../manifest/entries.ts";
import type { VersionReader } from "../manifest/version-reader.ts";
import { entriesBelow } from "../protocol/entries.ts";
import type { Folder, OrdinalRange } from "../protocol/entries.ts";
import { openRow } from "./held.ts";

const encoder = new TextEncoder();

/** The version that an archive shows a folder of. */
export interface ArchivedVersion {
  id: number;
  index: number;
  /** The time of every member that has none of its own, in milliseconds. */
  createdAt: number;
  artifactUuid: string;
  manifest: ManifestRow;
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

/** Where the members of an archive are. */
interface Members {
  reader: VersionReader;
  version: ArchivedVersion;
  range: OrdinalRange;
  /** The sums before the first. */
  before: Awaited<ReturnType<VersionReader["sums"]>>;
}

/** The bytes [start, end) of something. */
interface Part {
  start: number;
  end: number;
}

/** Plans the archive of a folder, of a version that is complete. */
export async function planArchive(
  reading: Reading,
  format: ArchiveFormat,
  version: ArchivedVersion,
  folder: Folder,
): Promise<ArchiveSource> {
  const reader = openRow(reading.bucket, version.manifest);
  const range = entriesBelow(folder);
  const [before, after] = await Promise.all([reader.sums(range.after), reader.sums(range.last)]);
  const sections = layOut(format, before, after);
  const members = { reader, version, range, before };
  return {
    size: sections.reduce((sum, { length }) => sum + length, 0),
    etag: await etagOf(format, version, folder),
    lastModified: version.createdAt,
    reprDigest: null,
    send: (start, end, to) => sendPieces(reading, piecesOf(sections, members, { start, end }), to),
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

/** @yields The pieces that make a part of a run, from the member that is there at its start; a batch a block of the
 * manifest, and more where a file is in many places. */
async function* runPieces(run: Run, members: Members, part: Part): AsyncGenerator<Iterable<Piece>> {
  const { reader, version, range, before } = members;
  const origin = measureAt(run.measure, before);
  const position = origin + part.start;
  const after = part.start === 0 ? range.after : await reader.place(range, run.measure, position);
  const walk = new RunWalk(run, version, origin, part);
  for await (const entries of reader.walk({ after, last: range.last })) {
    let pieces: Piece[] = [];
    for (const entry of entries.filter((one) => isMember(one, reader.layout))) {
      const laid = walk.isOver ? [] : walk.take(entry);
      if (Array.isArray(laid)) {
        pieces.push(...laid);
      } else {
        yield [...pieces, ...laid.head];
        yield* scatteredPieces(reader, laid);
        pieces = laid.tail;
      }
    }
    yield pieces;
    if (walk.isOver) {
      return;
    }
  }
  throw new Error(`Cannot archive version ${version.id}: files are missing in its manifest`);
}

/** A member whose bytes are in many places: which of them are wanted, and what goes around them. */
interface ScatteredMember extends Part {
  file: FileEntry;
  head: Piece[];
  tail: Piece[];
}

/** Lays out a part of a run, member by member. */
class RunWalk {
  readonly #run: Run;
  readonly #version: ArchivedVersion;
  /** The measure where the run begins. */
  readonly #origin: number;
  readonly #part: Part;
  /** Where the last member ended; null before the first, when it was not the run's first. */
  #reached: number | null;

  constructor(run: Run, version: ArchivedVersion, origin: number, part: Part) {
    this.#run = run;
    this.#version = version;
    this.#origin = origin;
    this.#part = part;
    this.#reached = part.start === 0 ? 0 : null;
  }

  /** Is all of the part laid out? */
  get isOver(): boolean {
    return this.#reached !== null && this.#reached >= this.#part.end;
  }

  /** Gives the pieces of the next member that are in the part. */
  take(entry: Entry): Piece[] | ScatteredMember {
    const run = this.#run;
    const placed = placeMember(entry, this.#version.createdAt);
    const [head, tail] = [run.head(placed), run.tail(placed)];
    const size = run.hasContent ? placed.size : 0;
    const end = measureAt(run.measure, placed.sums) - this.#origin;
    const start = end - head.length - size - tail.length;
    const { start: from, end: to } = this.#part;
    if (this.#reached === null ? start > from : start !== this.#reached) {
      throw new Error(
        `Cannot archive '${entry.path}': it is not where the sums of its version say`,
      );
    }
    this.#reached = end;
    const part = { start: from - start, end: to - start };
    const inside = shift(part, head.length);
    const content = { start: Math.max(inside.start, 0), end: Math.min(inside.end, size) };
    const around = { head: bytesPieces(head, part), tail: bytesPieces(tail, shift(inside, size)) };
    if (entry.kind === "folder") {
      return [...around.head, ...around.tail];
    }
    if (content.start < content.end && entry.place.kind === "list") {
      return { ...content, ...around, file: entry };
    }
    return [...around.head, ...objectPieces(entry, content), ...around.tail];
  }
}

/** Files are members of an archive, and folders that nothing else names. */
function isMember(entry: Entry, layout: number): boolean {
  return (
    entry.kind === "file" || (entry.below.entries === 0 && layout === LAYOUTS.withEmptyFolders)
  );
}

/** What the headers of a member say; `createdAt` is the time of what has none. */
function placeMember(entry: Entry, createdAt: number): PlacedHead {
  if (entry.kind === "folder") {
    const own = sumsOfEmptyFolder(encoder.encode(entry.path), LAYOUTS.withEmptyFolders);
    const sums = addSums(entry.before, own);
    const nothing = { size: 0, crc32: "00000000", modifiedAt: createdAt };
    return { path: entry.path, type: "folder", sums, ...nothing };
  }
  const { path, size, crc32, sums, isExecutable, modifiedAt } = entry;
  return {
    path,
    size,
    sums,
    isExecutable,
    crc32: crc32.toString(16).padStart(8, "0"),
    modifiedAt: modifiedAt ?? createdAt,
  };
}

/** The pieces of a part of a file that is whole in one object, if it is. */
function objectPieces({ place }: FileEntry, { start, end }: Part): Piece[] {
  return place.kind === "object" && start < end
    ? [...piecesOfExtents([{ key: place.key, start: place.start + start, length: end - start }])]
    : [];
}

/** @yields The pieces of a part of a file that is in many places, in batches. */
async function* scatteredPieces(
  reader: VersionReader,
  { file, start, end }: ScatteredMember,
): AsyncGenerator<Iterable<Piece>> {
  for await (const extents of reader.extents(file, start, end)) {
    yield piecesOfExtents(extents);
  }
}

function bytesPieces(bytes: Uint8Array, { start, end }: Part): Piece[] {
  const wanted = bytes.subarray(Math.max(start, 0), Math.max(end, 0));
  return wanted.length > 0 ? [{ kind: "bytes", bytes: wanted }] : [];
}

/** The same part, counted from `by` bytes later. */
function shift({ start, end }: Part, by: number): Part {
  return { start: start - by, end: end - by };
}
