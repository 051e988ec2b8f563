// Archives whose every byte makes work: a table of shapes for each kind of archive. Each is small when sent and takes a reader
// that looks at the clock alone for minutes; more of a kind are a row here.

import { deflateRawSync, gzipSync } from "node:zlib";

import { END, header, join, latin, member, pax } from "./make-tar.ts";
import { makeZip } from "./make-zip.ts";
import type { ZipFile } from "./make-zip.ts";

const KiB = 1024;

/** Bits, the lowest first, as deflate has them. */
class BitWriter {
  readonly #bytes: number[] = [];
  #bits = 0;

  /** Writes `count` bits of a number, the lowest first. */
  put(value: number, count: number): this {
    for (let bit = 0; bit < count; bit += 1) {
      if (this.#bits % 8 === 0) {
        this.#bytes.push(0);
      }
      const last = this.#bytes.length - 1;
      this.#bytes[last] = (this.#bytes[last] ?? 0) | (((value >> bit) & 1) << (this.#bits % 8));
      this.#bits += 1;
    }
    return this;
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

function repeat(bytes: Uint8Array, times: number): Uint8Array {
  const repeated = new Uint8Array(bytes.length * times);
  for (let n = 0; n < times; n += 1) {
    repeated.set(bytes, n * bytes.length);
  }
  return repeated;
}

/** Stored blocks without a byte. */
const EMPTY_STORED = latin("\0\0\0\xFF\xFF");
const LAST_STORED = latin("\x01\0\0\xFF\xFF");

/** Blocks that bring codes of their own, 13 to 14 bytes each, for nothing but their end, or for an `a` before it. */
function dynamicBlocks(times: number, hasByte: boolean): Uint8Array {
  const writer = new BitWriter();
  const zeros = (count: number) => writer.put(0, 1).put(count - 11, 7);
  const one = () => writer.put(0b11, 2);
  for (let n = 0; n < times; n += 1) {
    // 257 literals and lengths, one distance, 18 lengths for the code of lengths: 18 has one bit, 0 and 1 have two.
    writer.put(0, 1).put(2, 2).put(0, 5).put(0, 5).put(14, 4);
    for (const length of [0, 0, 1, 2, ...Array.from({ length: 13 }, () => 0), 2]) {
      writer.put(length, 3);
    }
    if (hasByte) {
      zeros(97);
      one(); // "a"
      zeros(138);
      zeros(20);
    } else {
      zeros(138);
      zeros(118);
    }
    one(); // the end
    one(); // the only distance
    writer.put(hasByte ? 0b10 : 0, hasByte ? 2 : 1);
  }
  return writer.bytes;
}

/** Blocks with the fixed codes in which nothing is. */
function emptyFixedBlocks(times: number): Uint8Array {
  const writer = new BitWriter();
  for (let n = 0; n < times; n += 1) {
    writer.put(0, 1).put(1, 2).put(0, 7);
  }
  return writer.bytes;
}

function gzipOf(deflated: Uint8Array): Uint8Array {
  return join(latin("\x1F\x8B\x08\0\0\0\0\0\0\x03"), deflated, new Uint8Array(8));
}

/** A record of pax in the fewest bytes. */
const TINY_RECORD = latin("5 a=\n");

function manyHeaders(type: string, name: string, times: number): Uint8Array {
  return join(repeat(header({ name, type }), times), header({ name: "f" }), END);
}

/** Tars, which are also what a gzip has in it. */
export const HOSTILE_TARS: Record<string, () => Uint8Array> = {
  folders: () => manyHeaders("5", "d/", 110_000),
  labels: () => manyHeaders("V", "v", 110_000),
  "tiny members": () =>
    join(...Array.from({ length: 5_000 }, (_, n) => member({ name: `f${n}` }, "x")), END),
  "empty members": () =>
    join(...Array.from({ length: 110_000 }, (_, n) => header({ name: `f${n}` })), END),
  "pax headers full of tiny records": () =>
    join(
      member({ name: "p", type: "x" }, repeat(TINY_RECORD, 200_000)),
      header({ name: "f" }),
      END,
    ),
  "pax headers full of records that matter": () =>
    join(
      member({ name: "p", type: "x" }, repeat(latin("10 path=a\n"), 9_000)),
      header({ name: "f" }),
      END,
    ),
  "a pax header for each member": () =>
    join(
      ...Array.from({ length: 10_000 }, (_, n) =>
        join(pax({ path: `long/${n}` }), header({ name: "f" })),
      ),
      END,
    ),
  "global headers": () => join(repeat(pax({ comment: "x" }, "g"), 20_000), END),
  "global headers of a megabyte": () =>
    join(repeat(member({ name: "g", type: "g" }, repeat(TINY_RECORD, 1_900)), 100), END),
  "long names of GNU": () =>
    join(
      ...Array.from({ length: 3_000 }, (_, n) =>
        join(member({ name: "L", type: "L" }, `${"n".repeat(900)}${n}\0`), header({ name: "f" })),
      ),
      END,
    ),
  "a long name of a megabyte": () =>
    join(
      member({ name: "L", type: "L" }, new Uint8Array(1_000_000).fill(0x2f)),
      header({ name: "f" }),
    ),
  "deep folders": () =>
    join(
      ...Array.from({ length: 3_000 }, (_, n) =>
        join(pax({ path: `${"a/".repeat(450)}${n}` }), header({ name: "f" })),
      ),
      END,
    ),
  "a sparse member of many records": () =>
    join(
      member(
        { name: "p", type: "x" },
        repeat(latin("23 GNU.sparse.offset=1\n25 GNU.sparse.numbytes=1\n"), 4_500),
      ),
      header({ name: "f" }),
      END,
    ),
};

/** Gzips whose own layer makes the work. */
export const HOSTILE_GZIPS: Record<string, () => Uint8Array> = {
  "members of one byte": () => repeat(new Uint8Array(gzipSync("a")), 20_000),
  "members without a byte": () => repeat(new Uint8Array(gzipSync("")), 20_000),
  "members with a long extra field": () => {
    const tiny = new Uint8Array(gzipSync("a"));
    const long = join(
      tiny.subarray(0, 3),
      latin("\x04"),
      tiny.subarray(4, 10),
      latin("\xFF\xFF"),
      new Uint8Array(0xffff),
      tiny.subarray(10),
    );
    return repeat(long, 60);
  },
  "a name without an end": () =>
    join(latin("\x1F\x8B\x08\x08\0\0\0\0\0\x03"), new Uint8Array(4 * KiB * KiB).fill(65)),
  "stored blocks without a byte": () => gzipOf(repeat(EMPTY_STORED, 200_000)),
  "stored blocks of one byte": () => gzipOf(repeat(latin("\0\x01\0\xFE\xFFa"), 100_000)),
  "blocks with codes and nothing else": () => gzipOf(dynamicBlocks(20_000, false)),
  "blocks with codes for one byte": () => gzipOf(dynamicBlocks(20_000, true)),
  "fixed blocks without a byte": () => gzipOf(emptyFixedBlocks(200_000)),
  zeros: () => new Uint8Array(gzipSync(new Uint8Array(16 * KiB * KiB))),
  "long codes": () =>
    new Uint8Array(gzipSync(Uint8Array.from({ length: 2_000_000 }, (_, n) => (n * n * 31) >> 3))),
};

function tinyFiles(count: number, more: (n: number) => Partial<ZipFile> = () => ({})): ZipFile[] {
  return Array.from({ length: count }, (_, n) => ({ name: `f${n}`, data: "x", ...more(n) }));
}

function deflatedZip(packed: Uint8Array, size: number): Uint8Array {
  return makeZip([{ name: "f", packed, size }]);
}

/** Zips. */
export const HOSTILE_ZIPS: Record<string, () => Uint8Array> = {
  "tiny entries": () => makeZip(tinyFiles(2_000)),
  "stored entries": () => makeZip(tinyFiles(2_000, () => ({ method: 0 }))),
  "empty folders": () =>
    makeZip(tinyFiles(2_000, (n) => ({ name: `d${n}/`, data: "", method: 0, mode: 0o040755 }))),
  "extra fields of 64 KiB": () => makeZip(tinyFiles(60, () => ({ extra: new Uint8Array(65_000) }))),
  "entries that jump": () => makeZip(tinyFiles(2_000), { isShuffled: true }),
  "entries that lie over each other": () =>
    makeZip(
      tinyFiles(400, () => ({ data: "y".repeat(200_000), method: 0 })).map((file, n) =>
        n === 0
          ? file
          : { ...file, packedSize: 200_000, offset: 0, name: "f0", localSize: 200_000 },
      ),
    ),
  "blocks with codes and nothing else": () =>
    deflatedZip(join(dynamicBlocks(20_000, false), LAST_STORED), 0),
  "blocks with codes for one byte": () => deflatedZip(dynamicBlocks(20_000, true), 20_000),
  "stored blocks without a byte": () =>
    deflatedZip(join(repeat(EMPTY_STORED, 200_000), LAST_STORED), 0),
  "fixed blocks without a byte": () => deflatedZip(emptyFixedBlocks(200_000), 1),
  zeros: () =>
    deflatedZip(new Uint8Array(deflateRawSync(new Uint8Array(16 * KiB * KiB))), 16 * KiB * KiB),
};
