// Our inflater beside zlib's: the same bytes, and the same refusals.

import { deflateRawSync, inflateRawSync } from "node:zlib";

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { DeflateError } from "../../../src/archive/bit-reader.ts";
import { Deflated } from "../../../src/archive/deflate.ts";
import { bytes } from "../support/bytes.ts";
import { join } from "./make-tar.ts";

/** Unpacks what comes in pieces of `cut` bytes: the bytes, and how many of the input they took; null where it is no deflate. */
function inflate(packed: Uint8Array, cut: number): { bytes: Uint8Array; used: number } | null {
  const deflated = new Deflated();
  const pieces: Uint8Array[] = [];
  for (let from = 0; from < packed.length; from += cut) {
    const given = packed.slice(from, from + cut);
    deflated.input.give(given);
    const stop = stepOn(deflated, pieces);
    if (stop === "damaged") {
      return null;
    }
    if (stop === "end") {
      return {
        bytes: join(...pieces),
        used: from + given.length - deflated.input.unused,
      };
    }
    deflated.input.keep();
    given.fill(0xee); // the caller's again
  }
  return null;
}

function stepOn(deflated: Deflated, pieces: Uint8Array[]): "damaged" | "end" | "starved" {
  try {
    for (;;) {
      const stop = deflated.step();
      const piece = deflated.take().slice();
      pieces.push(...(piece.length > 0 ? [piece] : []));
      if (stop === "end" || stop === "starved") {
        return stop;
      }
    }
  } catch (error) {
    expect(error).toBeInstanceOf(DeflateError);
    return "damaged";
  }
}

/** What zlib makes of it, or null. */
function zlib(packed: Uint8Array): Uint8Array | null {
  try {
    return new Uint8Array(inflateRawSync(packed));
  } catch {
    return null;
  }
}

const STRATEGIES = [0, 1, 2, 3, 4]; // default, filtered, Huffman alone, run lengths, fixed codes

/** Data of all kinds: what repeats near and far, and what does not. */
function sample(seed: number): Uint8Array {
  const noise = bytes(1 + ((seed * 7_919) % 90_000), seed);
  switch (seed % 4) {
    case 0:
      return noise;
    case 1:
      return noise.map((byte) => byte & 3);
    case 2:
      return noise.map((_, at) => (at >> 9) & 255);
    default:
      return join(noise, noise.subarray(0, 40_000), new Uint8Array(seed * 1_000));
  }
}

describe("Deflated", () => {
  it.each([1, 7, 1_000, 100_000])("unpacks what zlib packs, %d bytes at a time", (cut) => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const data = sample(seed).subarray(0, cut * 8_000);
      const strategy = STRATEGIES[seed % 5] ?? 0;
      const packed = deflateRawSync(data, { level: seed % 10, strategy, memLevel: 1 + (seed % 9) });
      const behind = join(new Uint8Array(packed), bytes(20, seed));
      expect(inflate(behind, cut)).toEqual({ bytes: data, used: packed.length });
    }
  });

  it("takes and refuses what zlib takes and refuses, of anything", () => {
    const damaged = fc
      .tuple(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.array(fc.nat(255), { maxLength: 4 }))
      .map(([seed, place, noise]) => {
        const packed = new Uint8Array(
          deflateRawSync(sample(seed).subarray(0, 3_000), { level: seed % 10 }),
        );
        packed.set(noise, place % Math.max(1, packed.length - noise.length));
        return packed;
      });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), (packed) => {
        const expected = zlib(packed);
        expect(inflate(packed, 1_000)?.bytes ?? null).toEqual(expected);
        expect(inflate(packed, 3)?.bytes ?? null).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it("gives 64 KiB at a time, of however much", () => {
    const deflated = new Deflated();
    deflated.input.give(new Uint8Array(deflateRawSync(new Uint8Array(10_000_000))));
    let sum = 0;
    for (let stop = deflated.step(); ; stop = deflated.step()) {
      const { length } = deflated.take();
      sum += length;
      expect(length).toBeLessThanOrEqual(97 * 1024);
      if (stop === "end") {
        break;
      }
    }
    expect(sum).toBe(10_000_000);
  });

  it("lets no copy reach into the stream before it", () => {
    const deflated = new Deflated();
    const packed = new Uint8Array(deflateRawSync(bytes(1_000), { level: 0 }));
    // A copy of three bytes from one byte before, with the fixed codes.
    deflated.input.give(join(packed, Uint8Array.of(0x03, 0x02, 0x00)));
    for (let stop = deflated.step(); stop !== "end"; stop = deflated.step()) {
      expect(stop).not.toBe("starved");
    }
    deflated.restart();
    expect(() => {
      deflated.step();
      deflated.step();
    }).toThrow("a copy from before the beginning");
  });
});
