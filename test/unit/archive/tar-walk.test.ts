import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ArchiveProblem } from "../../../src/archive/archive-problem.ts";
import { TarReader } from "../../../src/archive/tar-reader.ts";
import { TAR_BEGINNING } from "../../../src/archive/tar-walk.ts";
import { tarHeader, tarPadding } from "../../../src/archive/tar.ts";
import { findPathFault } from "../../../src/protocol/paths.ts";
import { END, freely, header, join, latin, member, pax, startWalk, walk } from "./make-tar.ts";

const GNU = "ustar  \0";

/** A bit of everything that is taken. */
const MIXED = join(
  pax({ comment: "2f6c" }, "g"),
  member({ name: "./", type: "5" }),
  member({ name: "./a.txt" }, "first"),
  member({ name: "docs/", type: "5" }),
  pax({ path: "docs/naïve 📦.txt", mtime: "1.5" }),
  member({ name: "docs/na_ve" }, "x".repeat(1500)),
  member({ name: "././@LongLink", type: "L", magic: GNU }, `${"d".repeat(120)}/long\0`),
  member({ name: "d".repeat(100), magic: GNU }, "y".repeat(512)),
  member({ name: "empty" }),
  END,
);
const MIXED_FILES = {
  "a.txt": "first",
  "docs/naïve 📦.txt": "x".repeat(1500),
  [`${"d".repeat(120)}/long`]: "y".repeat(512),
  empty: "",
};

describe("TarWalk (T3)", () => {
  it("tells the files with their bytes and skips folders", () => {
    expect(walk(MIXED)).toEqual(MIXED_FILES);
  });

  it.each([1, 7, 511, 512, 513, 4096])("does so whatever arrives at once: %d bytes", (cut) => {
    expect(walk(MIXED, cut)).toEqual(MIXED_FILES);
  });

  it("goes on from a mark made after any byte", () => {
    for (let at = 0; at < MIXED.length; at += 197) {
      const { walker, found } = startWalk();
      walker.push(MIXED.subarray(0, at));
      const { mark } = walker;
      const next = startWalk(structuredClone(mark), found);
      next.walker.push(MIXED.subarray(mark.position));
      next.walker.finish();
      expect(found).toEqual(MIXED_FILES);
    }
  });

  it.each([
    ["a prefix of ustar", [member({ name: "c", prefix: "a/b" }, "1")], "a/b/c"],
    ["no prefix where GNU keeps times", [member({ name: "c", prefix: "077", magic: GNU })], "c"],
    ["a tar of Unix V7", [member({ name: "old", magic: "", type: "\0" })], "old"],
    [
      "a folder of Unix V7",
      [member({ name: "d/", magic: "", type: "\0" }), member({ name: "f" })],
      "f",
    ],
    ["a contiguous file", [member({ name: "c", type: "7" })], "c"],
    ["a volume label", [member({ name: "/backup of..", type: "V" }), member({ name: "f" })], "f"],
    ["an empty pax path", [pax({ path: "" }), member({ name: "f" })], "f"],
    ["a later pax record", [pax({ path: "e" }), pax({ path: "f" }), member({ name: "g" })], "f"],
    [
      "a long link's target of no link",
      [member({ name: "K", type: "K" }, "t\0"), member({ name: "f" })],
      "f",
    ],
    ["a name of 100 bytes", [member({ name: "n".repeat(100) })], "n".repeat(100)],
  ])("reads %s", (_, parts, path) => {
    expect(Object.keys(walk(join(...parts, END)))).toEqual([path]);
  });

  it("takes a checksum of signed bytes, as old tars have them", () => {
    const block = header({ name: "é" });
    const signed = block
      .fill(0x20, 148, 156)
      .reduce((sum, byte) => sum + (byte > 127 ? byte - 256 : byte), 0);
    block.set(latin(`${signed.toString(8).padStart(6, "0")}\0 `), 148);
    expect(walk(join(block, END))).toEqual({ é: "" });
  });

  it("takes a single block of zeros at the very end, and ignores what follows two", () => {
    expect(walk(join(member({ name: "f" }), new Uint8Array(512)))).toEqual({ f: "" });
    expect(walk(join(member({ name: "f" }), END, latin("anything")))).toEqual({ f: "" });
  });

  it.each([
    ["a symbolic link", [member({ name: "dir/ln", type: "2" })], "'dir/ln' is a symbolic link"],
    ["a hard link", [member({ name: "ln", type: "1" })], "'ln' is a hard link"],
    ["a character device", [member({ name: "null", type: "3" })], "'null' is a device"],
    ["a block device", [member({ name: "sda", type: "4" })], "'sda' is a device"],
    ["a fifo", [member({ name: "p", type: "6" })], "'p' is a fifo"],
    ["a sparse file of GNU", [member({ name: "s", type: "S" })], "'s' is a sparse file"],
    [
      "a sparse file of pax",
      [pax({ "GNU.sparse.major": "1" }), member({ name: "s" })],
      "'s' is a sparse file",
    ],
    ["another volume", [member({ name: "m", type: "M" })], "continued from another volume"],
    ["an unknown type", [member({ name: "u", type: "Z" })], "'u' is of the unknown type 'Z'"],
    [
      "an absolute path",
      [member({ name: "/etc/passwd" })],
      "'/etc/passwd' has a path that begins or ends with a slash",
    ],
    [
      "a path that climbs",
      [member({ name: "a/../../x" })],
      "'a/../../x' has a path that holds an empty, '.' or '..' segment",
    ],
    ["a folder that climbs", [member({ name: "../", type: "5" })], "'../' has a path"],
    [
      "an absolute folder",
      [member({ name: "/", type: "5" })],
      "'/' has a path that begins or ends with a slash",
    ],
    [
      "a path that climbs, in pax",
      [pax({ path: "../x" }), member({ name: "x" })],
      "'../x' has a path",
    ],
    [
      "a path that climbs, in a long name",
      [member({ name: "L", type: "L" }, "../x\0"), member({ name: "x" })],
      "'../x'",
    ],
    ["a path with a backslash", [member({ name: "a\\b" })], "holds a backslash"],
    [
      "a path with a control character",
      [member({ name: "a\nb" })],
      "'a\uFFFDb' has a path that holds a backslash or a control character",
    ],
    [
      "a path with an empty segment",
      [member({ name: "a//b" })],
      "holds an empty, '.' or '..' segment",
    ],
    ["no path", [member({ name: "" })], "is empty"],
    [
      "a path of 1,001 bytes",
      [pax({ path: "p".repeat(1001) }), member({ name: "p" })],
      "is over 1000 bytes",
    ],
    ["a name that is not UTF-8", [member({ name: "f", prefix: "\xFF" })], "that is not UTF-8"],
    ["a folder with bytes", [member({ name: "d/", type: "5" }, "x")], "'d/' has bytes"],
    [
      "a size that is no number",
      [member({ name: "f", size: "0000000zz\0" })],
      "'f' has a size that cannot be read",
    ],
    [
      "a negative size",
      [member({ name: "f", size: "\xFF".repeat(12) })],
      "'f' has a size that cannot be read",
    ],
    [
      "a size past 2^53",
      [member({ name: "f", size: `\x80${"\xFF".repeat(11)}` })],
      "'f' has a size that cannot be read",
    ],
    [
      "a pax size that is no number",
      [pax({ size: "-1" }), member({ name: "f" })],
      "'f' has a size that cannot be read",
    ],
    ["a wrong checksum", [member({ name: "f" }).with(0, 0x67)], "no valid header at byte 0"],
    [
      "pax records cut short",
      [member({ name: "x", type: "x" }, "99 path=f\n"), member({ name: "f" })],
      "damaged header",
    ],
    [
      "pax records that are none",
      [member({ name: "x", type: "x" }, "path=f\n"), member({ name: "f" })],
      "damaged header",
    ],
    [
      "a global header with a path",
      [pax({ path: "f" }, "g"), member({ name: "g" })],
      "global header that sets 'path'",
    ],
    [
      "extended headers past 1 MiB",
      [header({ name: "x", type: "x", size: 2 ** 20 + 1 })],
      "bytes of headers",
    ],
    ["a header that belongs to nothing", [pax({ path: "f" })], "behind a header"],
    [
      "a single block of zeros in the middle",
      [new Uint8Array(512), member({ name: "f" })],
      "single block of zeros",
    ],
  ])("refuses %s", (_, parts, message) => {
    const tar = join(member({ name: "ok" }, "ok"), ...parts, END);
    const placed =
      message === "no valid header at byte 0" ? "no valid header at byte 1024" : message;
    expect(() => walk(tar)).toThrow(ArchiveProblem);
    expect(() => walk(tar)).toThrow(placed);
  });

  it("refuses a tar that is cut off anywhere before its end mark", () => {
    const length = MIXED.length - END.length;
    for (let cut = 0; cut < length; cut += cut % 512 < 2 ? 1 : 85) {
      expect(() => walk(MIXED.subarray(0, cut))).toThrow(ArchiveProblem);
    }
    expect(() => walk(MIXED.subarray(0, length))).toThrow("without its end mark");
    expect(() => walk(join(member({ name: "f" }, "12345").subarray(0, 514)))).toThrow(
      "'f' has 2 of its 5 bytes",
    );
  });

  it("says a long name in a bounded line", () => {
    const tar = join(pax({ path: `../${"é".repeat(60_000)}` }), member({ name: "f" }));
    expect(() => walk(tar)).toThrow(/^.{1,260}$/u);
  });

  it("reads back what our own writer makes", () => {
    const paths = [
      "a",
      "é".repeat(400),
      `${"d".repeat(150)}/${"n".repeat(90)}`,
      `x/${"n".repeat(150)}`,
    ];
    const tar = join(
      ...paths.flatMap((path) => [
        tarHeader({ path, size: 3, modifiedAt: 0 }),
        latin("abc"),
        tarPadding(3),
      ]),
      END,
    );
    expect(walk(tar)).toEqual(Object.fromEntries(paths.map((path) => [path, "abc"])));
  });

  it("gives files by the rules or a problem, and nothing else, for damaged tars", () => {
    const damage = fc.array(
      fc.record({ at: fc.nat(MIXED.length - 1), byte: fc.nat(255), repair: fc.boolean() }),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(damage, fc.integer({ min: 1, max: 3000 }), (changes, cut) => {
        const tar = MIXED.slice();
        for (const { at, byte, repair } of changes) {
          tar[at] = byte;
          if (repair) {
            repairChecksum(tar, at);
          }
        }
        try {
          expect(
            Object.keys(walk(tar, cut)).filter((path) => findPathFault(path) !== null),
          ).toEqual([]);
        } catch (error) {
          expect(error).toBeInstanceOf(ArchiveProblem);
        }
      }),
      { numRuns: 300 },
    );
  });
});

/** Makes the block around `at` a header with a right checksum again, so that what is in it gets read. */
function repairChecksum(tar: Uint8Array, at: number): void {
  const block = tar.subarray(at - (at % 512), at - (at % 512) + 512).fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(latin(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
}

describe("TarReader", () => {
  it("needs only the headers of a tar that can be read in ranges", () => {
    const GiB = 2 ** 30;
    const base256 = `\x80${"\0".repeat(5)}\x28${"\0".repeat(5)}`; // 40 * 2^40
    const blocks = new Map([
      [0, header({ name: "big.img", size: base256 })],
      [512 + 40 * 2 ** 40, pax({ size: String(9 * GiB + 1) })],
      [1536 + 40 * 2 ** 40, header({ name: "other.img" })],
    ]);
    const reader = new TarReader(TAR_BEGINNING, freely());
    const members = [];
    let reads = 0;
    for (let isAtEnd = false; !isAtEnd; reads += 1) {
      const start = [...blocks.keys()].findLast((at) => at <= reader.position) ?? 0;
      const from = reader.position - start;
      const bytes = new Uint8Array(reader.wanted);
      bytes.set(blocks.get(start)?.subarray(from, from + reader.wanted) ?? []);
      const step = reader.take(bytes);
      members.push(...(step.kind === "member" ? [step.member] : []));
      isAtEnd = step.kind === "end";
    }
    expect(members).toEqual([
      { path: "big.img", size: 40 * 2 ** 40, offset: 512 },
      { path: "other.img", size: 9 * GiB + 1, offset: 40 * 2 ** 40 + 2048 },
    ]);
    expect(reads).toBe(6);
  });
});
