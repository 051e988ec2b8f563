import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { entryLengths, entryLengthsOfBytes } from "../../../src/archive/lengths.ts";
import { RunningDigest } from "../../../src/blobs/checksums.ts";
import { crc32 } from "../../../src/manifest/crc32.ts";

describe("crc32()", () => {
  it("is what the binary makes of the same bytes, whole or in two parts", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, cut) => {
        const digest = new RunningDigest("crc32");
        digest.update(bytes);
        const crc = Number.parseInt(digest.digest().toHex(), 16);
        expect(crc32(bytes)).toBe(crc);
        expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(crc);
      }),
    );
  });
});

describe("entryLengthsOfBytes()", () => {
  it("says what entryLengths() says of the text", () => {
    const path = fc.oneof(
      fc.string({ unit: "grapheme", minLength: 1, maxLength: 120 }),
      fc.stringMatching(/^[a-z]{1,120}\/[a-z]{1,120}$/u),
    );
    const size = fc.oneof(
      fc.nat(5_000),
      fc.constantFrom(0, 511, 512, 0xffff_ffff, 8 ** 11 - 1, 8 ** 11),
    );
    fc.assert(
      fc.property(path, size, (text, bytes) => {
        const encoded = new TextEncoder().encode(text);
        expect(entryLengthsOfBytes(encoded, bytes)).toEqual(entryLengths(text, bytes));
      }),
    );
  });
});
