import { LIMITS } from "../protocol/limits.ts";
import { ArchiveProblem } from "./archive-problem.ts";
import { COST } from "./work.ts";
import type { Work } from "./work.ts";
import type { ArchiveSource } from "./zip-end.ts";

/** Reads the members of a zip, which mostly follow each other: the further they do, the more is read ahead. Where they do not,
 * only what they need is read. */
export class ReadAhead {
  readonly #source: ArchiveSource;
  readonly #work: Work;
  #begin = 0;
  #window: Uint8Array = new Uint8Array();
  #ahead = 0;
  /** Bytes that may still be read. */
  #left: number;

  constructor(source: ArchiveSource, work: Work) {
    this.#source = source;
    this.#work = work;
    this.#left = LIMITS.zipReadFree + source.size * LIMITS.zipReadRatio;
  }

  /** Reads exactly `length` bytes; `likely` are those from `offset` on that will be wanted next. */
  async read(offset: number, length: number, likely: number): Promise<Uint8Array> {
    const at = offset - this.#begin;
    if (at < 0 || at + length > this.#window.length) {
      await this.#fetch(offset, length, likely);
      return this.#window.subarray(0, length);
    }
    return this.#window.subarray(at, at + length);
  }

  /** Reads one byte or more, up to `most`. */
  async readSome(offset: number, most: number): Promise<Uint8Array> {
    const at = offset - this.#begin;
    if (at < 0 || at >= this.#window.length) {
      await this.#fetch(offset, Math.min(most, LIMITS.unpackRead), most);
      return this.#window.subarray(0, most);
    }
    return this.#window.subarray(at, at + most);
  }

  async #fetch(offset: number, length: number, likely: number): Promise<void> {
    const end = this.#begin + this.#window.length;
    const goesOn = offset >= this.#begin && offset <= end + LIMITS.zipWindow;
    this.#ahead = goesOn
      ? Math.min(Math.max(this.#ahead * 2, LIMITS.zipWindow), LIMITS.unpackRead)
      : 0;
    const ahead = Math.min(Math.max(likely, this.#ahead), LIMITS.unpackRead);
    const wanted = Math.max(length, Math.min(ahead, this.#source.size - offset));
    this.#left -= wanted;
    if (this.#left < 0) {
      throw new ArchiveProblem(null, "the zip's members overlap or lie in no order");
    }
    this.#work.spend(COST.read + wanted * COST.byte);
    this.#window = await this.#source.read(offset, wanted);
    this.#begin = offset;
  }
}
