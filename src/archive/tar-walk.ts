// Walks through a tar that passes as a stream of chunks, cut anywhere, and tells its members with their bytes.

import { ArchiveProblem } from "./archive-problem.ts";
import { toWholeBlocks } from "./tar-header.ts";
import { TarReader } from "./tar-reader.ts";
import type { TarMember } from "./tar-reader.ts";

/** Is told what passes: for each member its beginning, its bytes in any number of pieces, its end. */
export interface TarSink {
  begin(member: TarMember): void;
  /** The bytes are valid during the call only. */
  bytes(bytes: Uint8Array): void;
  end(): void;
}

/** Where a walk stands, at the headers of a member or inside one, so that another can go on from there. */
export interface TarMark {
  position: number;
  member: TarMember | null;
}

export class TarWalk {
  readonly #sink: TarSink;
  readonly #reader: TarReader;
  #position: number;
  #member: TarMember | null;
  /** Header bytes of which more are to come. */
  #held: Uint8Array = new Uint8Array();
  #isAtEnd = false;

  /** Goes on at `mark`: what is pushed first are the bytes there. */
  constructor(sink: TarSink, mark: TarMark = { position: 0, member: null }) {
    this.#sink = sink;
    this.#position = mark.position;
    this.#member = mark.member;
    this.#reader = new TarReader(headersAt(mark));
  }

  /** Where the bytes are that a walk which takes over needs first. */
  get mark(): TarMark {
    const { start } = this.#reader;
    return this.#member === null
      ? { position: start, member: null }
      : { position: this.#position, member: this.#member };
  }

  /** Nothing behind here belongs to the tar. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Takes the next bytes of the tar. */
  push(chunk: Uint8Array): void {
    let rest = chunk;
    while (rest.length > 0 && !this.#isAtEnd) {
      const taken = this.#member === null ? this.#takeHeader(rest) : this.#takeBytes(rest);
      rest = rest.subarray(taken);
      this.#position += taken;
    }
  }

  /** The tar has no more bytes. */
  finish(): void {
    const member = this.#member;
    if (member !== null) {
      const held = this.#position - member.offset;
      throw new ArchiveProblem(member.path, `has ${held} of its ${member.size} bytes`);
    }
    if (!this.#isAtEnd && this.#position < this.#reader.position) {
      throw new ArchiveProblem(null, `the tar ends at byte ${this.#position}, in the padding`);
    }
    if (this.#held.length > 0) {
      throw new ArchiveProblem(null, `the tar ends at byte ${this.#position}, inside a header`);
    }
    this.#reader.end();
  }

  #takeBytes(rest: Uint8Array): number {
    const member = this.#member;
    const left = member === null ? 0 : member.offset + member.size - this.#position;
    const bytes = rest.subarray(0, left);
    this.#sink.bytes(bytes);
    if (bytes.length === left) {
      this.#endMember();
    }
    return bytes.length;
  }

  #takeHeader(rest: Uint8Array): number {
    const padding = this.#reader.position - this.#position;
    return padding > 0 ? Math.min(padding, rest.length) : this.#takeWanted(rest);
  }

  #takeWanted(rest: Uint8Array): number {
    const missing = this.#reader.wanted - this.#held.length;
    const bytes = rest.subarray(0, missing);
    this.#held = this.#held.length === 0 ? bytes : join(this.#held, bytes);
    if (bytes.length < missing) {
      this.#held = this.#held.slice(); // the chunk is the caller's
      return bytes.length;
    }
    const step = this.#reader.take(this.#held);
    this.#held = new Uint8Array();
    if (step.kind === "member") {
      this.#beginMember(step.member);
    }
    this.#isAtEnd = step.kind === "end";
    return bytes.length;
  }

  #beginMember(member: TarMember): void {
    this.#member = member;
    this.#sink.begin(member);
    if (member.size === 0) {
      this.#endMember();
    }
  }

  #endMember(): void {
    this.#member = null;
    this.#sink.end();
  }
}

/** Where the headers are that come next. */
function headersAt({ position, member }: TarMark): number {
  return member === null ? position : member.offset + toWholeBlocks(member.size);
}

function join(one: Uint8Array, other: Uint8Array): Uint8Array {
  const joined = new Uint8Array(one.length + other.length);
  joined.set(one);
  joined.set(other, one.length);
  return joined;
}
