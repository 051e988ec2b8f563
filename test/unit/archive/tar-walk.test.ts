import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ArchiveProblem } from "../../../src/archive/archive-problem.ts";
import type { Beside } from "../../../src/archive/describe-member.ts";
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
    [
      "a sparse file of pax without its size",
      [pax({ "GNU.sparse.major": "1" }), member({ name: "s" })],
      "'s' is a sparse file whose map",
    ],
    [
      "a sparse file of two forms",
      [
        pax({ "GNU.sparse.size": "9", "GNU.sparse.map": "0,1" }),
        member({ name: "s", type: "S" }, "x"),
      ],
      "'s' is a sparse file whose map",
    ],
    ...["0,2", "0,1,0,1", "9,1", "0", "x,1", "-1,1"].map((map): [string, Uint8Array[], string] => [
      `a sparse file of 9 bytes, one of them there, with the map ${map}`,
      [pax({ "GNU.sparse.size": "9", "GNU.sparse.map": map }), member({ name: "s" }, "x")],
      "'s' is a sparse file whose map",
    ]),
    [
      "a sparse file whose map has no end",
      [
        pax({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" }),
        member({ name: "s" }, "1\n0\nx"),
      ],
      "'s' is a sparse file whose map",
    ],
    [
      "a sparse file of more holes than are hashed",
      [
        pax({ "GNU.sparse.size": String(2 ** 40), "GNU.sparse.map": "0,1" }),
        member({ name: "s" }, "x"),
      ],
      "over 16 GiB of holes",
    ],
    ["another volume", [member({ name: "m", type: "M" })], "continued from another volume"],
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

  it.each<[string, Uint8Array[], Beside]>([
    [
      "a symbolic link",
      [member({ name: "ln", type: "2", link: "../a" })],
      { kind: "link", path: "ln", target: "../a", isHard: false },
    ],
    [
      "a hard link",
      [member({ name: "./hard", type: "1", link: "./a" })],
      { kind: "link", path: "hard", target: "./a", isHard: true },
    ],
    [
      "a long target of pax",
      [pax({ linkpath: "t".repeat(200) }), member({ name: "ln", type: "2" })],
      { kind: "link", path: "ln", target: "t".repeat(200), isHard: false },
    ],
    [
      "a long target of GNU",
      [member({ name: "K", type: "K" }, `${"t".repeat(200)}\0`), member({ name: "ln", type: "2" })],
      { kind: "link", path: "ln", target: "t".repeat(200), isHard: false },
    ],
    ["a folder", [member({ name: "d/e//", type: "5" })], { kind: "folder", path: "d/e" }],
  ])("tells %s beside the files", (_, parts, expected) => {
    expect(besideOf(parts)).toEqual([expected]);
  });

  it.each([
    ["a character device", [member({ name: "tty", type: "3" })], "tty", "is a device"],
    ["a block device", [member({ name: "sda", type: "4" })], "sda", "is a device"],
    ["a fifo", [member({ name: "p", type: "6" })], "p", "is a fifo"],
    ["a path that climbs", [member({ name: "a/../../x" })], "a/../../x", "segment"],
    ["a folder that climbs", [member({ name: "../", type: "5" })], "../", "segment"],
    ["one in pax", [pax({ path: "../x" }), member({ name: "x" })], "../x", "segment"],
    [
      "one in a long name",
      [member({ name: "L", type: "L" }, "../x\0"), member({ name: "x" }, "skipped")],
      "../x",
      "segment",
    ],
    ["a backslash", [member({ name: "a\\b" })], "a\\b", "holds a backslash"],
    ["a control character", [member({ name: "a\nb" })], "a\nb", "control character"],
    ["no path", [member({ name: "" })], "", "is empty"],
    [
      "a path of 1,001 bytes",
      [pax({ path: "p".repeat(1001) }), member({ name: "p" })],
      "p".repeat(1000),
      "is over 1000 bytes",
    ],
    ["a name that is not UTF-8", [member({ name: "f", prefix: "\xFF" })], "\uFFFD/f", "not UTF-8"],
    [
      "a link to what is not UTF-8",
      [member({ name: "f", type: "2", link: "\xFF" })],
      "f",
      "not UTF-8",
    ],
    [
      "a link with a target past PATH_MAX",
      [pax({ linkpath: "t".repeat(4096) }), member({ name: "f", type: "2" })],
      "f",
      "too long",
    ],
  ])("leaves out %s, with the reason", (_, parts, name, reason) => {
    const beside = besideOf(parts);
    expect(beside).toMatchObject([{ kind: "left out", reason: expect.stringContaining(reason) }]);
    const [one] = beside;
    expect(one?.kind === "left out" && new TextDecoder().decode(one.name)).toBe(name);
  });

  it.each([
    ["an absolute path", "/etc/passwd", "etc/passwd"],
    ["an empty segment", "a//b", "a/b"],
    ["a segment that is a dot", "a/./b", "a/b"],
    ["several slashes in front", "//a", "a"],
  ])("takes %s as unpackers do", (_, name, path) => {
    expect(Object.keys(walk(join(member({ name }), END)))).toEqual([path]);
  });

  it.each([
    ["nothing for the root", { name: "/", type: "5" }, {}],
    ["a file of a type that nobody knows", { name: "u", type: "Z" }, { u: "" }],
  ])("tells %s", (_, fields, files) => {
    expect(walk(join(member(fields), END))).toEqual(files);
  });

  it("reads a header that Solaris wrote as one of pax", () => {
    const tar = join(pax({ path: "long" }, "X"), member({ name: "short" }, "1"), END);
    expect(walk(tar)).toEqual({ long: "1" });
  });

  it.each([
    ["the header", [member({ name: "f", mode: "0000755", time: 1_000_000_000 })], true, 1e12],
    [
      "a record of pax",
      [pax({ mtime: "1000000000.25" }), member({ name: "f" })],
      false,
      1e12 + 250,
    ],
    ["a time before 1970", [pax({ mtime: "-1" }), member({ name: "f" })], false, -1000],
    ["a header that says nothing", [member({ name: "f" })], false, null],
  ])("tells executable bit and time by %s", (_, parts, isExecutable, modifiedAt) => {
    const { walker, members } = startWalk();
    walker.push(join(...parts, END));
    expect(members).toMatchObject([{ path: "f", isExecutable, modifiedAt }]);
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
    const tar = join(pax({ path: `../${"é".repeat(60_000)}` }), member({ name: "f", type: "M" }));
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

/** What a walk tells beside the files. */
function besideOf(parts: Uint8Array[]): Beside[] {
  const { walker, found, beside } = startWalk();
  walker.push(join(member({ name: "ok" }, "ok"), ...parts, member({ name: "end" }, "end"), END));
  walker.finish();
  expect(found).toEqual({ ok: "ok", end: "end" });
  return beside;
}

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
    const unsaid = { isExecutable: false, modifiedAt: null };
    expect(members).toEqual([
      { path: "big.img", size: 40 * 2 ** 40, offset: 512, ...unsaid },
      { path: "other.img", size: 9 * GiB + 1, offset: 40 * 2 ** 40 + 2048, ...unsaid },
    ]);
    expect(reads).toBe(6);
  });
});

describe("a walk through a sparse file", () => {
  const zeros = (count: number) => "\0".repeat(count);
  const expected = { s: `${zeros(3)}ab${zeros(2)}cde${zeros(4)}`, f: "x" };
  const numbers = [3, 2, 7, 3];
  const realsize = "14";
  const forms: [string, Uint8Array[]][] = [
    [
      "0.1",
      [
        pax({ "GNU.sparse.size": realsize, "GNU.sparse.map": numbers.join(",") }),
        member({ name: "s" }, "abcde"),
      ],
    ],
    [
      "1.0",
      [
        pax({
          "GNU.sparse.major": "1",
          "GNU.sparse.minor": "0",
          "GNU.sparse.realsize": realsize,
          "GNU.sparse.name": "s",
        }),
        member({ name: "other" }, `${[2, ...numbers].join("\n")}\n`.padEnd(512, "\0") + "abcde"),
      ],
    ],
  ];

  it.each(forms)("gives all of it in form %s, wherever it is cut or goes on", (_form, blocks) => {
    const tar = join(...blocks, member({ name: "f" }, "x"), END);
    expect(walk(tar)).toEqual(expected);
    expect(walk(tar, 1)).toEqual(expected);
    for (let at = 0; at < tar.length - 1_024; at += 1) {
      const first = startWalk();
      first.walker.push(tar.subarray(0, at));
      const { mark } = first.walker;
      const second = startWalk(mark, first.found);
      second.walker.push(tar.subarray(mark.position));
      second.walker.finish();
      expect([at, second.found]).toEqual([at, expected]);
    }
  });
});
