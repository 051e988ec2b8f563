import { gzipSync } from "fflate";
import { describe, expect, it } from "vitest";

import { ArchiveProblem } from "../../../src/archive/archive-problem.ts";
import { Gunzip } from "../../../src/archive/gunzip.ts";
import { RunningDigest } from "../../../src/blobs/checksums.ts";
import { bytes } from "../support/bytes.ts";
import { collect, freely, join, latin } from "./make-tar.ts";

const KiB = 1024;

/** Unpacks gzip that comes in pieces of `cut` bytes. */
function gunzip(packed: Uint8Array, cut: number = packed.length): Uint8Array {
  const unpacker = new Gunzip(() => new RunningDigest("crc32"), freely());
  const pieces: Uint8Array[] = [];
  for (let from = 0; from < packed.length; from += cut) {
    pieces.push(collect(unpacker.push(packed.subarray(from, from + cut))));
  }
  unpacker.finish();
  return join(...pieces);
}

/** A gzip member with every optional part of a header (RFC 1952 §2.3). */
function withAllHeaders(data: Uint8Array, extra = 3000): Uint8Array {
  const plain = gzipSync(data, { mtime: 0 });
  return join(
    plain.subarray(0, 3).slice(),
    latin(`\x1E${"\0".repeat(6)}`),
    latin(String.fromCharCode(extra & 255, extra >> 8)),
    new Uint8Array(extra).fill(65),
    latin("name.tar\0a comment\0"),
    new Uint8Array(2),
    plain.subarray(10),
  );
}

describe("Gunzip (T15)", () => {
  const text = latin("the quick brown fox ".repeat(400));

  it.each([1, 1000, 8 * KiB, 100_000])("unpacks several members, %d bytes at a time", (cut) => {
    const first = bytes(9_000, 3);
    const packed = join(
      gzipSync(first),
      gzipSync(text),
      gzipSync(new Uint8Array()),
      withAllHeaders(text),
    );
    expect(gunzip(packed, cut)).toEqual(join(first, text, text));
  });

  it("unpacks a stream of many tiny members", () => {
    const tiny = gzipSync(latin("x"), { mtime: 0 });
    expect(gunzip(join(...Array.from({ length: 1000 }, () => tiny)))).toHaveLength(1000);
  });

  it("refuses what is cut off anywhere", () => {
    const packed = join(gzipSync(text), gzipSync(text));
    const length = packed.length / 2;
    for (let cut = 0; cut < packed.length; cut += 3) {
      if (cut !== length) {
        expect(() => gunzip(packed.subarray(0, cut))).toThrow(ArchiveProblem);
      }
    }
  });

  it.each([-8, -5, -4, -1])("refuses a wrong byte at %d, in a trailer", (at) => {
    const packed = gzipSync(text);
    const wrong = packed.with(packed.length + at, (packed.at(at) ?? 0) ^ 1);
    expect(() => gunzip(wrong)).toThrow("checksum is not right");
    expect(() => gunzip(join(wrong, packed))).toThrow("checksum is not right");
  });

  it.each([
    ["no gzip", latin("this is not gzip at all")],
    ["another method", gzipSync(text).with(2, 7)],
    ["damaged data", gzipSync(text).with(14, 0xff)],
    ["bytes behind the end", join(gzipSync(text), latin("and more than that"))],
  ])("refuses %s", (_, packed) => {
    expect(() => gunzip(packed)).toThrow(ArchiveProblem);
  });

  it("refuses a header without an end before it fills the memory", () => {
    const endless = join(latin("\x1F\x8B\x08\x08\0\0\0\0\0\0"), new Uint8Array(2 ** 20).fill(65));
    expect(() => gunzip(endless)).toThrow("has nothing in it");
  });

  it("gives a bomb in pieces, so that whoever counts can stop", () => {
    const bomb = gzipSync(new Uint8Array(16 * 2 ** 20));
    const unpacker = new Gunzip(() => new RunningDigest("crc32"), freely());
    const lengths = Array.from(unpacker.push(bomb), ({ length }) => length);
    expect(Math.max(...lengths)).toBeLessThan(100 * KiB);
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(16 * 2 ** 20);
  });
});
