// Reads the members of a tar without their bytes. It does no I/O: whoever reads asks where the next header
// bytes are and hands them over, from a stream that passes or by ranged reads that skip what lies between.
// What is no file is told beside the files; whatever could be read in two ways is refused.

import { LIMITS } from "../protocol/limits.ts";
import { ArchiveProblem } from "./archive-problem.ts";
import { describeMember } from "./describe-member.ts";
import type { Beside } from "./describe-member.ts";
import { showName } from "./member-path.ts";
import { isSparseKey, readPaxRecords } from "./pax-records.ts";
import { BLOCK, readTarHeader, text, toWholeBlocks, untilNul } from "./tar-header.ts";
import type { TarHeader } from "./tar-header.ts";
import { COST } from "./work.ts";
import type { Work } from "./work.ts";

/** A file of an archive: its path, and where its bytes are in the tar. */
export interface TarMember {
  path: string;
  size: number;
  offset: number;
  isExecutable: boolean;
  /** In milliseconds; null where the archive does not say. */
  modifiedAt: number | null;
}

/** What the header bytes lead to: more of them, a file (its bytes and their padding lie before the next
 * header), something without bytes, or the end. */
export type TarStep =
  | { kind: "more" }
  | { kind: "member"; member: TarMember }
  | { kind: "beside"; beside: Beside }
  | { kind: "end" };

/** What no file can be made of, by its type flag. */
const REFUSED = new Map([
  ["D", "is part of an incremental backup"],
  ["M", "is continued from another volume"],
  ["N", "is a list of names of an old tar"],
  ["S", "is a sparse file"],
]);

/** What is left out, by its type flag. */
const SPECIAL = new Map([
  ["3", "is a device"],
  ["4", "is a device"],
  ["6", "is a fifo"],
]);

/** Headers that say something about the member after them. */
type MetaType = "x" | "g" | "L" | "K";

/** Where the headers of a member begin, and what was counted before them. */
export interface TarPlace {
  position: number;
  /** Folders, and whatever else has no bytes but links. */
  folders: number;
  /** Headers of pax and GNU. */
  extensions: number;
}

export class TarReader {
  readonly #work: Work;
  #position: number;
  #folders: number;
  #extensions: number;
  /** Where the headers of the member that comes next begin. */
  #start: TarPlace;
  /** The header whose data is wanted next, or null when that is a header itself. */
  #meta: { type: MetaType; size: number } | null = null;
  #metaBytes = 0;
  #longName: Uint8Array | null = null;
  #longLink: Uint8Array | null = null;
  #records = new Map<string, Uint8Array>();
  #hasZeroBlock = false;

  /** Begins at a place that another reader gave. */
  constructor({ position, folders, extensions }: TarPlace, work: Work) {
    this.#position = position;
    this.#folders = folders;
    this.#extensions = extensions;
    this.#start = { position, folders, extensions };
    this.#work = work;
  }

  /** Where the bytes are that are wanted next. */
  get position(): number {
    return this.#position;
  }

  /** How many are wanted. */
  get wanted(): number {
    return this.#meta === null ? BLOCK : toWholeBlocks(this.#meta.size);
  }

  /** Where a new reader may take over: the headers of the member that comes next. */
  get start(): TarPlace {
    return this.#start;
  }

  /** Takes the bytes that are wanted. */
  take(bytes: Uint8Array): TarStep {
    const at = this.#position;
    this.#position += this.wanted;
    this.#work.spend(COST.tarHeader + bytes.length * COST.byte);
    if (this.#meta !== null) {
      this.#takeMeta(this.#meta.type, bytes.subarray(0, this.#meta.size));
      this.#meta = null;
      return { kind: "more" };
    }
    const header = readTarHeader(bytes, at);
    if (header === null) {
      return this.#takeZeros();
    }
    if (this.#hasZeroBlock) {
      throw new ArchiveProblem(null, `the tar has a single block of zeros before byte ${at}`);
    }
    const meta = metaTypeOf(header.type);
    return meta === null ? this.#takeMember(header) : this.#beginMeta(header, meta);
  }

  /** The tar has no more bytes. A single block of zeros is end enough, nothing at all is not: a tar that
   * was cut off between two members must not pass for a whole one. */
  end(): void {
    if (!this.#hasZeroBlock) {
      throw new ArchiveProblem(null, `the tar ends at byte ${this.#position} without its end mark`);
    }
  }

  #takeZeros(): TarStep {
    if (this.#start.position !== this.#position - BLOCK && !this.#hasZeroBlock) {
      throw new ArchiveProblem(null, "the tar ends behind a header that belongs to a member");
    }
    const isEnd = this.#hasZeroBlock;
    this.#hasZeroBlock = true;
    return { kind: isEnd ? "end" : "more" };
  }

  #beginMeta({ size }: TarHeader, type: MetaType): TarStep {
    this.#metaBytes += size;
    this.#extensions += 1;
    if (this.#extensions > LIMITS.tarExtensions) {
      throw new ArchiveProblem(null, `the tar has over ${LIMITS.tarExtensions} extended headers`);
    }
    if (size === 0 || this.#metaBytes > LIMITS.tarHeaders) {
      throw new ArchiveProblem(null, `the tar has ${size} bytes of headers at ${this.#position}`);
    }
    this.#meta = { type, size };
    return { kind: "more" };
  }

  #takeMeta(type: MetaType, bytes: Uint8Array): void {
    switch (type) {
      case "L":
        this.#longName = untilNul(bytes);
        return;
      case "K":
        this.#longLink = untilNul(bytes);
        return;
      case "x":
        this.#requireRecords(bytes).forEach((value, key) => this.#records.set(key, value));
        return;
      case "g":
        this.#takeGlobal(this.#requireRecords(bytes));
    }
  }

  #requireRecords(bytes: Uint8Array): Map<string, Uint8Array> {
    const records = readPaxRecords(bytes);
    if (records === null) {
      throw new ArchiveProblem(null, `the tar has a damaged header before byte ${this.#position}`);
    }
    this.#work.spend(records.count * COST.record);
    if (records.count > LIMITS.tarRecords) {
      throw new ArchiveProblem(
        null,
        `the tar has over ${LIMITS.tarRecords} records in a header before byte ${this.#position}`,
      );
    }
    return records.values;
  }

  #takeGlobal(records: Map<string, Uint8Array>): void {
    // A time for all that have none is of no use: each header has one.
    const wrong = [...records.keys()].find((key) => key !== "mtime");
    if (wrong !== undefined) {
      throw new ArchiveProblem(null, `the tar has a global header that sets '${wrong}'`);
    }
    if (this.#records.size === 0 && this.#longName === null && this.#longLink === null) {
      this.#beginNext(this.#position);
    }
  }

  #takeMember(header: TarHeader): TarStep {
    const raw = this.#record("path") ?? this.#longName ?? header.name;
    const name = showName(raw);
    const size = this.#sizeOf(name, header);
    const isSparse = [...this.#records.keys()].some(isSparseKey);
    const kind = kindOf(name, isSparse ? "S" : header.type);
    if (kind !== "file" && size > 0) {
      throw new ArchiveProblem(name, "has bytes although it is no file");
    }
    const step = this.#toStep(raw, header, { kind, size, offset: this.#position });
    if (kind !== "file" && kind !== "link") {
      this.#countFolder(name);
    }
    this.#beginNext(this.#position + toWholeBlocks(size));
    return step;
  }

  #toStep(
    raw: Uint8Array,
    header: TarHeader,
    { kind, size, offset }: { kind: Kind; size: number; offset: number },
  ): TarStep {
    if (kind === "label") {
      return { kind: "more" };
    }
    const described = describeMember(raw, {
      kind,
      special: SPECIAL.get(header.type) ?? "is no file",
      target: this.#record("linkpath") ?? this.#longLink ?? header.linkName,
      isHard: header.type === "1",
    });
    if (described.kind === "root") {
      return { kind: "more" };
    }
    if (described.kind !== "file") {
      return { kind: "beside", beside: described };
    }
    const { path } = described;
    const { isExecutable } = header;
    const member = { path, size, offset, isExecutable, modifiedAt: this.#timeOf(header) };
    return { kind: "member", member };
  }

  /** Labels too: they cost as much, and there is one at most where it is right. */
  #countFolder(name: string): void {
    this.#folders += 1;
    if (this.#folders > LIMITS.archiveFolders) {
      throw new ArchiveProblem(name, `is behind the first ${LIMITS.archiveFolders} folders`);
    }
  }

  #beginNext(position: number): void {
    if (!Number.isSafeInteger(position)) {
      throw new ArchiveProblem(null, "the tar claims more bytes than can be counted");
    }
    this.#position = position;
    this.#start = { position, folders: this.#folders, extensions: this.#extensions };
    this.#metaBytes = 0;
    this.#longName = null;
    this.#longLink = null;
    this.#records.clear();
  }

  #sizeOf(name: string, header: TarHeader): number {
    const record = this.#record("size");
    if (record === null) {
      return header.size;
    }
    const digits = text(record.subarray(0, 17));
    if (!/^\d{1,16}$/u.test(digits) || !Number.isSafeInteger(Number(digits))) {
      throw new ArchiveProblem(name, "has a size that cannot be read");
    }
    return Number(digits);
  }

  /** The time of the last change: pax has fractions of a second. */
  #timeOf(header: TarHeader): number | null {
    const record = this.#record("mtime");
    const digits = record === null ? "" : text(record.subarray(0, 32));
    return /^-?\d{1,15}(?:\.\d*)?$/u.test(digits)
      ? Math.floor(Number(digits) * 1_000)
      : header.modifiedAt;
  }

  /** A record of the next member; an empty one says to go by the header. */
  #record(key: string): Uint8Array | null {
    const value = this.#records.get(key);
    return value === undefined || value.length === 0 ? null : value;
  }
}

type Kind = "file" | "folder" | "link" | "special" | "label";

/** A type that nobody knows is a file (POSIX.1-2017, "ustar Interchange Format", typeflag). */
function kindOf(name: string, type: string): Kind {
  const refused = REFUSED.get(type);
  if (refused !== undefined) {
    throw new ArchiveProblem(name, refused);
  }
  if (SPECIAL.has(type)) {
    return "special";
  }
  switch (type) {
    case "1":
    case "2":
      return "link";
    case "5":
      return "folder";
    case "V":
      return "label";
    default:
      // Unix V7 had no type for folders.
      return type === "0" && name.endsWith("/") ? "folder" : "file";
  }
}

/** Solaris wrote what became pax as X. */
function metaTypeOf(type: string): MetaType | null {
  switch (type) {
    case "x":
    case "X":
      return "x";
    case "g":
    case "L":
    case "K":
      return type;
    default:
      return null;
  }
}
