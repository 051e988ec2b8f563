// Walks through a tar that passes as a stream of chunks, cut anywhere, and tells its members with their bytes.

import { LIMITS } from "../protocol/limits.ts";
import { ArchiveProblem } from "./archive-problem.ts";
import type { Beside } from "./describe-member.ts";
import type { Run } from "./sparse.ts";
import { BLOCK, toWholeBlocks } from "./tar-header.ts";
import { TarReader } from "./tar-reader.ts";
import type { TarMember, TarPlace } from "./tar-reader.ts";
import { COST } from "./work.ts";
import type { Work } from "./work.ts";

/** Is told what passes: for each member its beginning, its bytes in any number of pieces, its end. */
export interface TarSink {
  begin(member: TarMember): void;
  /** The bytes are valid during the call only. */
  bytes(bytes: Uint8Array): void;
  end(): void;
  /** What has no bytes, where it stands among the members. */
  beside(beside: Beside): void;
}

/** Where a walk stands, at the headers of a member or inside one, so that another can go on from there. */
export interface TarMark extends TarPlace {
  member: TarMember | null;
}

/** Where every walk begins. */
export const TAR_BEGINNING: TarMark = { position: 0, folders: 0, extensions: 0, member: null };

export class TarWalk {
  readonly #sink: TarSink;
  readonly #reader: TarReader;
  readonly #work: Work;
  #position: number;
  #member: TarMember | null;
  /** Header bytes of which more are to come, at the front of what they are to fill. */
  #held: Uint8Array = new Uint8Array();
  #heldLength = 0;
  #isAtEnd = false;
  /** The run of the member that its next byte is in, and how many bytes of the tar those before it have. */
  #run = 0;
  #before = 0;

  /** Goes on at `mark`: what is pushed first are the bytes there. */
  constructor(sink: TarSink, work: Work, mark: TarMark = TAR_BEGINNING) {
    this.#sink = sink;
    this.#work = work;
    this.#position = mark.position;
    this.#member = mark.member;
    this.#reader = new TarReader({ ...mark, position: headersAt(mark) }, work);
    if (mark.member !== null) {
      this.#findRun(mark.member, mark.position - mark.member.offset);
    }
  }

  /** Where the bytes are that a walk which takes over needs first. */
  get mark(): TarMark {
    const { start } = this.#reader;
    return this.#member === null
      ? { ...start, member: null }
      : { ...start, position: this.#position, member: this.#member };
  }

  /** Nothing behind here belongs to the tar. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Takes the next bytes of the tar. */
  push(chunk: Uint8Array): void {
    const steps = this.steps(chunk);
    for (let step = steps.next(); step.done !== true;) {
      step = steps.next();
    }
  }

  /**
   * Takes the next bytes of the tar, all of them once it has ended.
   *
   * @yields Where zeros of a sparse file passed, which may be very many: whoever reads lets others in.
   */
  *steps(chunk: Uint8Array): Generator<void> {
    let rest = chunk;
    while (rest.length > 0 && !this.#isAtEnd) {
      const taken = this.#member === null ? this.#takeHeader(rest) : this.#takeBytes(rest);
      rest = rest.subarray(taken);
      this.#position += taken;
      yield* this.#passRuns();
    }
  }

  /** The tar has no more bytes. */
  finish(): void {
    const member = this.#member;
    if (member !== null) {
      const held = this.#position - member.offset;
      throw new ArchiveProblem(member.path, `has ${held} of its ${packedSize(member)} bytes`);
    }
    if (!this.#isAtEnd && this.#position < this.#reader.position) {
      throw new ArchiveProblem(null, `the tar ends at byte ${this.#position}, in the padding`);
    }
    if (this.#heldLength > 0) {
      throw new ArchiveProblem(null, `the tar ends at byte ${this.#position}, inside a header`);
    }
    this.#reader.end();
  }

  #takeBytes(rest: Uint8Array): number {
    const member = this.#member;
    const [, length] = (member === null ? [] : runsOf(member))[this.#run] ?? [0, 0];
    const left = (member?.offset ?? 0) + this.#before + length - this.#position;
    const bytes = rest.subarray(0, left);
    this.#work.spend(bytes.length * COST.byte);
    this.#sink.bytes(bytes);
    return bytes.length;
  }

  /** @yields As steps(): passes the runs of the member that end here, and the zeros before the next. */
  *#passRuns(): Generator<void> {
    const member = this.#member;
    if (member === null) {
      return;
    }
    const runs = runsOf(member);
    const taken = this.#position - member.offset;
    for (; ; this.#run += 1) {
      const [lastStart, lastLength] = runs[this.#run - 1] ?? [0, 0];
      const [start, length] = runs[this.#run] ?? [member.size, 0];
      if (taken === this.#before) {
        yield* this.#passZeros(start - lastStart - lastLength);
      }
      if (this.#run === runs.length) {
        this.#endMember();
        return;
      }
      if (taken < this.#before + length) {
        return;
      }
      this.#before += length;
    }
  }

  *#passZeros(count: number): Generator<void> {
    for (let left = count; left > 0; left -= ZEROS.length) {
      const zeros = ZEROS.subarray(0, left);
      this.#sink.bytes(zeros);
      this.#work.pass(zeros.length * COST.byte);
      yield;
    }
  }

  /** The zeros before a run passed together with what was before them. */
  #findRun(member: TarMember, taken: number): void {
    for (const [, length] of runsOf(member)) {
      if (taken < this.#before + length) {
        return;
      }
      this.#before += length;
      this.#run += 1;
    }
  }

  #takeHeader(rest: Uint8Array): number {
    const padding = this.#reader.position - this.#position;
    return padding > 0 ? Math.min(padding, rest.length) : this.#takeWanted(rest);
  }

  #takeWanted(rest: Uint8Array): number {
    const { wanted } = this.#reader;
    const bytes = rest.subarray(0, wanted - this.#heldLength);
    if (bytes.length < wanted) {
      this.#hold(bytes, wanted);
      if (this.#heldLength < wanted) {
        return bytes.length;
      }
    }
    const step = this.#reader.take(this.#heldLength === 0 ? bytes : this.#held);
    this.#heldLength = 0;
    if (step.kind === "member") {
      this.#beginMember(step.member);
    }
    if (step.kind === "beside") {
      this.#work.spend(COST.member);
      this.#sink.beside(step.beside);
    }
    this.#isAtEnd = step.kind === "end";
    return bytes.length;
  }

  /** The chunk is the caller's. What is held grows with what comes: a header may claim more than there is. */
  #hold(bytes: Uint8Array, wanted: number): void {
    const length = this.#heldLength + bytes.length;
    if (length > this.#held.length || this.#heldLength === 0) {
      const held = new Uint8Array(Math.min(wanted, Math.max(BLOCK, length * 2)));
      held.set(this.#held.subarray(0, this.#heldLength));
      this.#held = held;
    }
    this.#held.set(bytes, this.#heldLength);
    this.#heldLength = length;
  }

  #beginMember(member: TarMember): void {
    this.#work.spend(COST.member);
    this.#member = member;
    this.#run = 0;
    this.#before = 0;
    this.#sink.begin(member);
  }

  #endMember(): void {
    this.#member = null;
    this.#sink.end();
  }
}

/** Zeros that pass at a time. */
const ZEROS = new Uint8Array(LIMITS.walkStep);

/** The runs of a member that the tar has. */
function runsOf({ size, sparse }: TarMember): readonly Run[] {
  return sparse?.runs ?? (size === 0 ? [] : [[0, size]]);
}

/** How many bytes of a member the tar has. */
function packedSize({ size, sparse }: TarMember): number {
  return sparse?.packed ?? size;
}

/** Where the headers are that come next. */
function headersAt({ position, member }: TarMark): number {
  return member === null ? position : member.offset + toWholeBlocks(packedSize(member));
}
