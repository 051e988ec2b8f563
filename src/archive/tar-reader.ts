// Reads the members of a tar without their bytes. It does no I/O: whoever reads asks where the next header
// bytes are and hands them over, from a stream that passes or by ranged reads that skip what lies between.
// What is no file is told beside the files; whatever could be read in two ways is refused.

import { LIMITS } from "../protocol/limits.ts";
import { ArchiveProblem } from "./archive-problem.ts";
import { describeMember } from "./describe-member.ts";
import type { Beside } from "./describe-member.ts";
import { showName } from "./member-path.ts";
import { isSparseKey, readPaxRecords, sizeIn } from "./pax-records.ts";
import { beginSparse } from "./sparse-form.ts";
import type { Holed, MappedFile } from "./sparse-form.ts";
import type { Sparse } from "./sparse.ts";
import { BLOCK, readTarHeader, text, toWholeBlocks, untilNul } from "./tar-header.ts";
import type { TarHeader } from "./tar-header.ts";
import { kindOf, metaTypeOf, SPECIAL } from "./tar-kind.ts";
import type { Kind, MetaType } from "./tar-kind.ts";
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
  /** Of a sparse file: what of it the tar has. */
  sparse?: Sparse;
}

/** What the header bytes lead to: more of them, a file (its bytes and their padding lie before the next
 * header), something without bytes, or the end. */
export type TarStep =
  | { kind: "more" }
  | { kind: "member"; member: TarMember }
  | { kind: "beside"; beside: Beside }
  | { kind: "end" };

/** Where the headers of a member begin, and what was counted before them. */
export interface TarPlace {
  position: number;
  /** Folders, and whatever else has no bytes but links. */
  folders: number;
  /** Headers of pax and GNU. */
  extensions: number;
  /** Zeros of sparse files that are not there; a mark that older code made does not have it. */
  zeros?: number;
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
  #zeros: number;
  /** The sparse file whose map comes by the block. */
  #mapped: { header: TarHeader; file: MappedFile } | null = null;

  /** Begins at a place that another reader gave. */
  constructor({ position, folders, extensions, zeros = 0 }: TarPlace, work: Work) {
    this.#position = position;
    this.#folders = folders;
    this.#extensions = extensions;
    this.#zeros = zeros;
    this.#start = { position, folders, extensions, zeros };
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
    if (this.#mapped !== null) {
      const { header, file } = this.#mapped;
      return this.#goOn(header, file, file.take(bytes));
    }
    const header = readTarHeader(bytes, at);
    if (header === null) {
      return this.#takeZeros();
    }
    if (this.#hasZeroBlock) {
      throw new ArchiveProblem(null, `the tar has a single block of zeros before byte ${at}`);
    }
    const meta = metaTypeOf(header.type);
    if (meta !== null) {
      return this.#beginMeta(header, meta);
    }
    const isSparse = header.type === "S" || [...this.#records.keys()].some(isSparseKey);
    return isSparse ? this.#takeSparse(header, bytes) : this.#takeMember(header);
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

  #nameOf(header: TarHeader): Uint8Array {
    const sparse = this.#record("GNU.sparse.name");
    return sparse ?? this.#record("path") ?? this.#longName ?? header.name;
  }

  #takeSparse(header: TarHeader, block: Uint8Array): TarStep {
    const name = showName(this.#nameOf(header));
    const size = this.#sizeOf(name, header);
    const { file, holed } = beginSparse({ records: this.#records, header, block, name, size });
    return this.#goOn(header, file, holed);
  }

  #goOn(header: TarHeader, file: MappedFile | null, holed: Holed | null): TarStep {
    if (holed === null) {
      this.#mapped = file && { header, file };
      return { kind: "more" };
    }
    this.#mapped = null;
    const { sparse, size } = holed;
    this.#countZeros(showName(this.#nameOf(header)), size - sparse.packed);
    return this.#place(header, { kind: "file", size, sparse });
  }

  #takeMember(header: TarHeader): TarStep {
    const name = showName(this.#nameOf(header));
    const size = this.#sizeOf(name, header);
    const kind = kindOf(name, header.type);
    if (kind !== "file" && size > 0) {
      throw new ArchiveProblem(name, "has bytes although it is no file");
    }
    return this.#place(header, { kind, size });
  }

  #place(header: TarHeader, placed: { kind: Kind; size: number; sparse?: Sparse }): TarStep {
    const { kind, size, sparse } = placed;
    const raw = this.#nameOf(header);
    const step = this.#toStep(raw, header, { ...placed, offset: this.#position });
    if (kind !== "file" && kind !== "link") {
      this.#countFolder(showName(raw));
    }
    this.#beginNext(this.#position + toWholeBlocks(sparse?.packed ?? size));
    return step;
  }

  #toStep(
    raw: Uint8Array,
    header: TarHeader,
    { kind, ...placed }: { kind: Kind; size: number; offset: number; sparse?: Sparse },
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
    const member = { path, ...placed, isExecutable, modifiedAt: this.#timeOf(header) };
    return { kind: "member", member };
  }

  /** Labels too: they cost as much, and there is one at most where it is right. */
  #countFolder(name: string): void {
    this.#folders += 1;
    if (this.#folders > LIMITS.archiveFolders) {
      throw new ArchiveProblem(name, `is behind the first ${LIMITS.archiveFolders} folders`);
    }
  }

  #countZeros(name: string, zeros: number): void {
    this.#zeros += zeros;
    if (this.#zeros > LIMITS.sparseZeros) {
      const most = LIMITS.sparseZeros / 1024 ** 3;
      throw new ArchiveProblem(
        name,
        `is where the tar's sparse files have over ${most} GiB of holes`,
      );
    }
  }

  #beginNext(position: number): void {
    if (!Number.isSafeInteger(position)) {
      throw new ArchiveProblem(null, "the tar claims more bytes than can be counted");
    }
    this.#position = position;
    const counted = { folders: this.#folders, extensions: this.#extensions, zeros: this.#zeros };
    this.#start = { position, ...counted };
    this.#metaBytes = 0;
    this.#longName = null;
    this.#longLink = null;
    this.#records.clear();
  }

  #sizeOf(name: string, header: TarHeader): number {
    const record = this.#record("size");
    return record === null ? header.size : sizeIn(name, record);
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
