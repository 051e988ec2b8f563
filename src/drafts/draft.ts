// A draft in memory: what its rows say, found by path, number and content. It is made of the rows anew after an eviction.

import { EMPTY_CONTENT } from "../protocol/empty-content.ts";
import type { FileExtent } from "../protocol/entries.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { BlobFacts, Extent } from "../protocol/uploads.ts";
import { Declared } from "./declared.ts";
import type { DraftRows, DraftState } from "./draft-rows.ts";
import { DraftTree } from "./draft-tree.ts";
import { Places, writePlaces } from "./places.ts";
import type { Place, PlacedContent } from "./places.ts";

/** In the place of a row: the file has no bytes, so it has them all. */
const EMPTY = 0xffff_ffff;

/** A content in R2 objects that are the draft's own from now on. */
export interface BroughtContent extends BlobFacts {
  extents: readonly FileExtent[];
}

export class Draft {
  readonly declared: Declared;
  readonly #rows: DraftRows;
  #state: DraftState;
  /** Of each file the row that has its place, from 1, and where it is there; 0: it is missing. */
  readonly #rowOf: Uint32Array;
  readonly #offsetOf: Uint32Array;
  readonly #sources: string[] = [];
  readonly #known = new Set<string>();
  #missing = 0;
  #progressAt: number;
  /** The next pack; numbers up to `nextPack` are set aside. */
  #pack: number;
  #lastRead: { row: number; places: Places } | null = null;
  #tree: Promise<DraftTree> | null = null;

  constructor(rows: DraftRows, state: DraftState) {
    this.#rows = rows;
    this.#state = state;
    this.declared = new Declared(rows.declared());
    const { count } = this.declared;
    this.#rowOf = new Uint32Array(count);
    this.#offsetOf = new Uint32Array(count);
    this.#missing = count;
    this.#progressAt = state.openedAt;
    this.#pack = state.nextPack;
    for (let number = 1; number <= count; number += 1) {
      if (this.declared.contentAt(number).size === 0) {
        this.#place(number, EMPTY, 0);
      }
    }
    for (const { source, at, bytes } of rows.places()) {
      this.#read(source, at, new Places(bytes));
    }
  }

  get uuid(): Uuid {
    return this.#state.uuid;
  }

  get head(): Pick<DraftState, "artifactUuid" | "workspaceId" | "phase"> {
    return this.#state;
  }

  /** Is it over? Nothing comes into it any more, and nothing of it is to be seen. */
  get isEnding(): boolean {
    return this.#state.phase === "ending";
  }

  /** How many files are missing. */
  get missing(): number {
    return this.#missing;
  }

  /** When a file last came, or the draft was opened. */
  get progressAt(): number {
    return this.#progressAt;
  }

  /** The number of the next pack; all below may have been used. */
  get nextPack(): number {
    return this.#pack;
  }

  isMissing(number: number): boolean {
    return this.#rowOf[number - 1] === 0;
  }

  /** How many of the files from one number up to, not including, another are missing. */
  countMissing(first: number, end: number): number {
    let count = 0;
    for (const row of this.#rowOf.subarray(first - 1, end - 1)) {
      count += Number(row === 0);
    }
    return count;
  }

  /** Where the bytes of a file are, which is there. */
  placeOf(number: number): Place {
    const row = this.#rowOf[number - 1] ?? 0;
    if (row === EMPTY) {
      return NO_BYTES;
    }
    if (this.#lastRead?.row !== row) {
      const source = this.#sources[row - 1] ?? "";
      this.#lastRead = { row, places: new Places(this.#rows.placesOf(source)) };
    }
    return this.#lastRead.places.at(this.#offsetOf[number - 1] ?? 0);
  }

  /** @yields All contents that are there, in any order; a file may be in more than one of them, of the same bytes. */
  *contents(): Generator<PlacedContent> {
    const empty = [];
    for (let number = 1; number <= this.declared.count; number += 1) {
      if (this.#rowOf[number - 1] === EMPTY) {
        empty.push(number);
      }
    }
    yield { numbers: empty, ...NO_BYTES };
    let row = 0;
    for (const source of this.#sources) {
      row += 1;
      for (const content of new Places(this.#rows.placesOf(source)).contents()) {
        const numbers = content.numbers.filter((number) => this.#rowOf[number - 1] === row);
        yield { ...content, numbers };
      }
    }
  }

  /** Was this source taken before? */
  has(source: string): boolean {
    return this.#known.has(source);
  }

  /** Notes contents that one source brought, and gives how many files they complete; notes nothing where that is none. */
  take(source: string, brought: readonly BroughtContent[], now: number): number {
    const contents = brought.flatMap(
      ({ size, sha256, sha512, crc32, extents }): PlacedContent[] => {
        const numbers = this.declared
          .withContent(Uint8Array.fromHex(sha256), size)
          .filter((number) => this.isMissing(number));
        const facts = { crc32: Number.parseInt(crc32, 16), sha512: Uint8Array.fromHex(sha512) };
        return numbers.length === 0 ? [] : [{ numbers, ...facts, extents }];
      },
    );
    if (contents.length === 0 || this.isEnding) {
      return 0;
    }
    const before = this.#missing;
    const bytes = writePlaces(contents);
    this.#rows.addPlaces(source, bytes, now);
    this.#read(source, now, new Places(bytes));
    return before - this.#missing;
  }

  /** A number for a pack, which is never used again. */
  takePackNumber(): number {
    const number = this.#pack;
    if (number >= this.#state.nextPack) {
      const nextPack = number + LIMITS.packNumbers;
      this.#rows.setNextPack(nextPack);
      this.#state = { ...this.#state, nextPack };
    }
    this.#pack += 1;
    return number;
  }

  beginSeal(now: number): void {
    if (this.#state.phase === "open") {
      this.#rows.beginSeal(now);
      this.#state = { ...this.#state, phase: "sealing" };
    }
  }

  /** Before anything of it is removed: what is half removed must never be sealed. Not once it is sealing. */
  beginEnd(now: number): void {
    if (this.#state.phase === "open") {
      this.#rows.beginEnd(now);
      this.#state = { ...this.#state, phase: "ending" };
    }
  }

  /** The R2 objects that are its own: packs with bytes of its files, those of uploads, and packs that may be there although
   * nothing names them. */
  ownKeys(): { packs: string[]; uploads: string[]; unnamed: string[] } {
    const keysOf = (sources: readonly string[]) =>
      sources.flatMap((source) => new Places(this.#rows.placesOf(source)).keys);
    const own = this.#sources.filter((source) => !source.startsWith("found/"));
    const packs = own.filter((source) => source.startsWith("pack/"));
    const uploads = own.filter((source) => !source.startsWith("pack/"));
    const unnamed: string[] = [];
    // Those of an earlier life may have been used up to the last that was set aside.
    for (let number = 1; number < this.#pack; number += 1) {
      if (!this.has(`pack/${number}`)) {
        unnamed.push(packKey(this.uuid, number));
      }
    }
    return { packs: keysOf(packs), uploads: keysOf(uploads), unnamed };
  }

  /** Its entries in the order of a version. */
  tree(): Promise<DraftTree> {
    this.#tree ??= DraftTree.make(this.declared);
    return this.#tree;
  }

  #read(source: string, at: number, places: Places): void {
    const row = this.#sources.push(source);
    this.#known.add(source);
    for (const { numbers, offset } of places.contents()) {
      for (const number of numbers) {
        this.#place(number, row, offset);
      }
    }
    this.#progressAt = Math.max(this.#progressAt, at);
  }

  #place(number: number, row: number, offset: number): void {
    if (this.isMissing(number)) {
      this.#rowOf[number - 1] = row;
      this.#offsetOf[number - 1] = offset;
      this.#missing -= 1;
    }
  }
}

const NO_BYTES = {
  crc32: 0,
  sha512: Uint8Array.fromHex(EMPTY_CONTENT.sha512),
  extents: [] as readonly Extent[],
};

/** The key of a draft's pack. */
export function packKey(draft: Uuid, number: number): string {
  return `packs/${draft}/${number}`;
}
