import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { layOut, measureAt } from "../../../src/archive/layout.ts";
import type { Run } from "../../../src/archive/layout.ts";
import { entryLengths } from "../../../src/archive/lengths.ts";
import { zipDirectoryEntry, zipEnd, zipLocalHeader } from "../../../src/archive/zip.ts";
import { MODIFIED_AT } from "./members.ts";

const NOTHING = { files: 0, emptyFolders: 0, tar: 0, zip: 0, directory: 0 };
const GiB = 1024 ** 3;
const LIMIT_32 = 0xffff_ffff;
const head = { path: "é/a", size: 5, modifiedAt: MODIFIED_AT, crc32: "cbf43926" };

/** Members with their sums, and the sums after the last. A path that ends in a slash is that of an empty folder. */
function place(files: readonly { path: string; size: number }[], from = NOTHING) {
  let sums = from;
  const members = files.map(({ path, size: said }) => {
    const isFolder = path.endsWith("/");
    const size = isFolder ? 0 : said;
    const { tar, zip, directory } = entryLengths(path, size);
    sums = {
      files: sums.files + (isFolder ? 0 : 1),
      emptyFolders: sums.emptyFolders + (isFolder ? 1 : 0),
      tar: sums.tar + tar,
      zip: sums.zip + zip,
      directory: sums.directory + directory,
    };
    const member = { path, size, modifiedAt: MODIFIED_AT, crc32: "00000000", sums };
    return isFolder ? { ...member, type: "folder" as const } : member;
  });
  return { members, after: sums };
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function runsOf(sections: ReturnType<typeof layOut>): Run[] {
  return sections.filter((section) => section.kind === "run");
}

const file = fc.record({
  path: fc.oneof(
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }),
    fc.stringMatching(/^[a-z]{1,120}\/[a-z]{1,120}\/?$/u),
    fc.stringMatching(/^[a-zé]{1,250}\/$/u),
  ),
  size: fc.oneof(fc.nat(5_000), fc.nat({ max: 2 ** 31 }), fc.constantFrom(LIMIT_32, 9 * GiB)),
});
const before = fc.record({
  files: fc.nat(),
  emptyFolders: fc.nat(),
  tar: fc.nat(),
  zip: fc.constantFrom(0, 7, 5 * GiB),
  directory: fc.nat(),
});

describe("layOut()", () => {
  it.each(["tar", "zip"] as const)(
    "of a %s has room for exactly what each member writes",
    (format) => {
      fc.assert(
        fc.property(fc.array(file, { maxLength: 8 }), before, (files, origin) => {
          const { members, after } = place(files, origin);
          for (const run of runsOf(layOut(format, origin, after))) {
            let reached = measureAt(run.measure, origin);
            for (const member of members) {
              const content = run.hasContent ? member.size : 0;
              reached += run.head(member).length + content + run.tail(member).length;
              expect(reached).toBe(measureAt(run.measure, member.sums));
            }
            expect(run.length).toBe(reached - measureAt(run.measure, origin));
          }
        }),
      );
    },
  );

  it("puts into the directory where each member begins in this archive, not in the version's", () => {
    const { members, after } = place(
      [
        { path: "a", size: 10 },
        { path: "b", size: 20 },
      ],
      { files: 3, emptyFolders: 0, tar: 512, zip: 1_000, directory: 99 },
    );
    const [, directory] = runsOf(layOut("zip", { ...NOTHING, zip: 1_000 }, after));
    const offsets = members.map((member) =>
      view(directory?.head(member) ?? new Uint8Array(46)).getUint32(42, true),
    );
    expect(offsets).toEqual([0, entryLengths("a", 10).zip]);
  });

  it.each([
    ["65,534 members", { files: 65_534, zip: 1_000 }, false],
    ["65,535 members", { files: 65_535, zip: 1_000 }, true],
    ["one byte less than four can say", { files: 1, zip: LIMIT_32 - 1 }, false],
    ["4 GiB - 1", { files: 1, zip: LIMIT_32 }, true],
    ["8 PiB", { files: 100_000, zip: 2 ** 53 - 1 }, true],
  ])("uses zip64 as needed for %s", (_, sums, isZip64) => {
    const after = { ...NOTHING, ...sums, directory: sums.files * 60 };
    const [, directory, end] = layOut("zip", NOTHING, after);
    expect(directory?.length).toBe(sums.files * (isZip64 ? 88 : 60));
    expect(end?.length).toBe(isZip64 ? 98 : 22);
  });
});

describe("zipLocalHeader()", () => {
  it("has every field in its place", () => {
    const bytes = zipLocalHeader(head, false);
    const fields = view(bytes);
    expect(fields.getUint32(0, true)).toBe(0x0403_4b50);
    expect([4, 6, 8].map((at) => fields.getUint16(at, true))).toEqual([10, 0x800, 0]);
    expect(fields.getUint16(10, true)).toBe((12 << 11) | (30 << 5) | 7); // 12:30:15 in steps of two
    expect(fields.getUint16(12, true)).toBe((46 << 9) | (11 << 5) | 22); // 2026-11-22
    expect([14, 18, 22].map((at) => fields.getUint32(at, true))).toEqual([0xcbf4_3926, 5, 5]);
    expect([26, 28].map((at) => fields.getUint16(at, true))).toEqual([4, 9]);
    expect(new TextDecoder().decode(bytes.subarray(30, 34))).toBe("é/a");
    expect([34, 36].map((at) => fields.getUint16(at, true))).toEqual([0x5455, 5]);
    expect([fields.getUint8(38), fields.getUint32(39, true)]).toEqual([
      1,
      Math.floor(MODIFIED_AT / 1000),
    ]);
  });

  it.each([
    [LIMIT_32 - 1, LIMIT_32 - 1, null],
    [LIMIT_32, LIMIT_32, BigInt(LIMIT_32)],
    [9 * GiB, LIMIT_32, BigInt(9 * GiB)],
  ])("says a size of %d", (size, said, extra) => {
    const bytes = zipLocalHeader({ ...head, size }, true);
    expect(view(bytes).getUint32(18, true)).toBe(said);
    expect(view(bytes).getUint32(22, true)).toBe(said);
    if (extra !== null) {
      expect([34, 36].map((at) => view(bytes).getUint16(at, true))).toEqual([1, 16]);
      expect([38, 46].map((at) => view(bytes).getBigUint64(at, true))).toEqual([extra, extra]);
    }
  });

  it.each([
    [Date.UTC(1970, 0, 1), 1980],
    [Date.UTC(2200, 0, 1), 2107],
  ])("stays within the years of DOS", (modifiedAt, year) => {
    const date = view(zipLocalHeader({ ...head, modifiedAt }, false)).getUint16(12, true);
    expect((date >> 9) + 1980).toBe(year);
  });
});

describe("zipDirectoryEntry()", () => {
  it("says sizes and place in four bytes each without zip64", () => {
    const fields = view(zipDirectoryEntry(head, 1_234, false));
    expect(fields.getUint32(0, true)).toBe(0x0201_4b50);
    expect([20, 24, 42].map((at) => fields.getUint32(at, true))).toEqual([5, 5, 1_234]);
    expect(fields.getUint32(38, true) >>> 16).toBe(0o100644);
  });

  it("says all of them in the extra field with zip64", () => {
    const fields = view(zipDirectoryEntry(head, 7 * GiB, true));
    expect([20, 24, 42].map((at) => fields.getUint32(at, true))).toEqual(
      Array.from({ length: 3 }, () => LIMIT_32),
    );
    expect([50, 52].map((at) => fields.getUint16(at, true))).toEqual([1, 24]);
    expect([54, 62, 70].map((at) => fields.getBigUint64(at, true))).toEqual([
      5n,
      5n,
      BigInt(7 * GiB),
    ]);
  });
});

describe("zipEnd()", () => {
  it("counts and places the directory", () => {
    const fields = view(zipEnd({ count: 3, bodyLength: 1_000, plainDirectoryLength: 180 }));
    expect(fields.getUint32(0, true)).toBe(0x0605_4b50);
    expect([8, 10].map((at) => fields.getUint16(at, true))).toEqual([3, 3]);
    expect([12, 16].map((at) => fields.getUint32(at, true))).toEqual([180, 1_000]);
  });

  it("does so in a zip64 record too, which the locator finds", () => {
    const count = 100_000;
    const shape = { count, bodyLength: 9 * GiB, plainDirectoryLength: 60 * count };
    const fields = view(zipEnd(shape));
    expect(fields.getUint32(0, true)).toBe(0x0606_4b50);
    expect([4, 24, 32, 40, 48].map((at) => Number(fields.getBigUint64(at, true)))).toEqual([
      44,
      count,
      count,
      88 * count,
      9 * GiB,
    ]);
    expect(fields.getUint32(56, true)).toBe(0x0706_4b50);
    expect(Number(fields.getBigUint64(64, true))).toBe(9 * GiB + 88 * count);
    expect([8, 10].map((at) => fields.getUint16(76 + at, true))).toEqual([0xffff, 0xffff]);
    expect([12, 16].map((at) => fields.getUint32(76 + at, true))).toEqual([88 * count, LIMIT_32]);
  });
});
