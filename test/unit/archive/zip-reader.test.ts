import * as fc from "fast-check";
import { deflateSync, zipSync } from "fflate";
import { describe, expect, it } from "vitest";

import { ArchiveProblem } from "../../../src/archive/archive-problem.ts";
import { Inflater } from "../../../src/archive/inflate.ts";
import { zipEntries } from "../../../src/archive/zip-directory.ts";
import { findZipDirectory } from "../../../src/archive/zip-end.ts";
import type { ZipEntry } from "../../../src/archive/zip-entry.ts";
import { RunningDigest } from "../../../src/blobs/checksums.ts";
import { freely, join, latin } from "./make-tar.ts";
import { makeZip } from "./make-zip.ts";
import type { EndOddities, ZipFile } from "./make-zip.ts";
import { unzip } from "./unzip.ts";

/** The Unicode Path field of Info-ZIP, for a name in another code page. */
function pathField(raw: string, name: string): Uint8Array {
  const running = new RunningDigest("crc32");
  running.update(latin(raw));
  const crc = running.digest().toReversed();
  const utf8 = new TextEncoder().encode(name);
  return join(latin("up"), Uint8Array.of(5 + utf8.length, 0, 1), crc, utf8);
}

async function entriesOf(files: ZipFile[]): Promise<ZipEntry[]> {
  const zip = makeZip(files);
  const source = {
    size: zip.length,
    read: async (offset: number, length: number) => zip.slice(offset, offset + length),
  };
  return Array.fromAsync(zipEntries(source, await findZipDirectory(source), freely()));
}

async function contents(files: ZipFile[], end?: EndOddities): Promise<Record<string, string>> {
  const found = await unzip(makeZip(files, end));
  return Object.fromEntries(
    [...found].map(([path, data]) => [path, new TextDecoder().decode(data)]),
  );
}

const MIXED: ZipFile[] = [
  { name: "docs/", mode: 0o040755, method: 0 },
  { name: "docs/naïve 📦.txt", data: "deflated ".repeat(50) },
  { name: "stored.bin", data: "as it is", method: 0 },
  { name: "streamed.txt", data: "sizes come later", flags: 0x0808 },
  { name: "wide.txt", data: "zip64", isWide: true, mode: 0 },
  { name: "empty" },
];
const MIXED_FILES = {
  "docs/naïve 📦.txt": "deflated ".repeat(50),
  "stored.bin": "as it is",
  "streamed.txt": "sizes come later",
  "wide.txt": "zip64",
  empty: "",
};

describe("findZipDirectory() and zipEntries()", () => {
  it("give the files, stored and deflated, and skip folders", async () => {
    expect(await contents(MIXED)).toEqual(MIXED_FILES);
  });

  it("find the directory by zip64 records and behind a comment", async () => {
    expect(await contents(MIXED, { isWide: true })).toEqual(MIXED_FILES);
    const comment = latin(`PK\x05\x06${"\0".repeat(18)}, or so it says`);
    expect(await contents(MIXED, { comment })).toEqual(MIXED_FILES);
  });

  it.each<[string, EndOddities, Uint8Array]>([
    ["bytes before the archive", { prefix: latin("#!/bin/sh\n") }, latin("")],
    ["the same with zip64", { prefix: latin("#!/bin/sh\n"), isWide: true }, latin("")],
    ["NULs behind its end", {}, new Uint8Array(10_240)],
    ["the end of a line behind its end", {}, latin("\r\n")],
    ["NULs behind a comment", { comment: latin("made by hand") }, new Uint8Array(512)],
  ])("pass over %s", async (_, end, behind) => {
    const found = await unzip(join(makeZip(MIXED, end), behind));
    expect([...found.keys()].toSorted()).toEqual(Object.keys(MIXED_FILES).toSorted());
  });

  it("refuse other bytes behind the end", async () => {
    await expect(unzip(join(makeZip(MIXED), latin("x")))).rejects.toThrow("no directory");
    await expect(unzip(join(makeZip(MIXED), new Uint8Array(40_000)))).rejects.toThrow(
      "no directory",
    );
  });

  it("tell what each entry is", async () => {
    const entries = await entriesOf([
      { name: "ln", data: "to", mode: 0o120777 },
      { name: "null", mode: 0o020666 },
      { name: "pipe", mode: 0o010600, data: "came through a pipe" },
      { name: "run", mode: 0o100755, data: "x" },
      { name: "d\\", host: 0, method: 0 },
      { name: "d\\e.txt", host: 10 },
      { name: "a\\b" },
      { name: "odd host", mode: 0o120777, host: 1 },
    ]);
    expect(entries.map(({ kind, name, isExecutable }) => [kind, name, isExecutable])).toEqual([
      ["link", "ln", true],
      ["special", "null", false],
      ["file", "pipe", false],
      ["file", "run", true],
      ["folder", "d/", false],
      ["file", "d/e.txt", false],
      ["file", "a\\b", false],
      ["file", "odd host", false],
    ]);
  });

  it.each<[string, Partial<ZipFile>, string]>([
    ["code page 437 where it is not UTF-8", { rawName: latin("\x9Abung.txt") }, "Übung.txt"],
    ["UTF-8 without the flag", { name: "Übung.txt", flags: 0 }, "Übung.txt"],
    [
      "the Unicode Path field",
      { rawName: latin("\x9Abung.txt"), extra: pathField("\x9Abung.txt", "Übung ü.txt") },
      "Übung ü.txt",
    ],
    ["not by a Unicode Path field of another name", { name: "a", extra: pathField("b", "c") }, "a"],
  ])("name an entry by %s", async (_, file, name) => {
    expect(await entriesOf([{ name: "x", ...file }])).toMatchObject([{ name }]);
  });

  it.each([
    ["the extended timestamp", latin("UT\x05\0\x01\0\xCA\x9A\x3B"), 1e12],
    ["the time of DOS, as UTC", new Uint8Array(), Date.UTC(2018, 10, 17, 13, 5, 8)],
  ])("date an entry by %s", async (_, extra, modifiedAt) => {
    const dosTime = 0x4d7168a4; // 2018-11-17 13:05:08
    expect(await entriesOf([{ name: "f", extra, dosTime }])).toMatchObject([{ modifiedAt }]);
  });

  it("read a directory that is longer than a window", async () => {
    const files = Object.fromEntries(
      Array.from({ length: 400 }, (_, n) => [`${"d/".repeat(400)}${n}`, latin(String(n))]),
    );
    expect((await unzip(zipSync(files, { level: 0 }))).size).toBe(400);
  });

  it.each([
    [
      "a directory that would begin before the archive",
      { offset: 2 ** 20 },
      "not where its end says",
    ],
    ["a directory elsewhere", { offset: 1 }, "reaches past the zip's directory"],
    ["more entries than there are", { count: 7 }, "ends inside an entry"],
    ["fewer entries than there are", { count: 5 }, "more than its entries"],
    ["a second disk", { disk: 1 }, "one part of several"],
    ["a second disk in zip64", { disk: 1, isWide: true }, "one part of several"],
  ])("refuse %s", async (_, end, message) => {
    await expect(contents(MIXED, end)).rejects.toThrow(message);
    await expect(contents(MIXED, end)).rejects.toThrow(ArchiveProblem);
  });

  it("refuse what is no zip, and a zip that is cut off anywhere", async () => {
    await expect(unzip(new Uint8Array())).rejects.toThrow("no directory at its end");
    const zip = makeZip(MIXED);
    for (let cut = 1; cut < zip.length; cut += 13) {
      await expect(unzip(zip.subarray(0, cut))).rejects.toThrow(ArchiveProblem);
    }
  });

  it.each<[string, ZipFile, string]>([
    ["a folder with bytes", { name: "d/", data: "x" }, "'d/' has bytes"],
    ["an encrypted file", { name: "e", flags: 1 }, "'e' is encrypted"],
    ["strong encryption", { name: "e", flags: 0x41 }, "'e' is encrypted"],
    ["another method", { name: "b", method: 12, data: "x" }, "'b' is packed by method 12 (bzip2)"],
    ["Deflate64", { name: "b", method: 9, data: "x" }, "'b' is packed by method 9 (Deflate64)"],
    ["LZMA", { name: "b", method: 14, data: "x" }, "'b' is packed by method 14 (LZMA)"],
    ["an unknown method", { name: "b", method: 77, data: "x" }, "'b' is packed by method 77;"],
    ["patch data", { name: "b", flags: 0x20 }, "'b' is packed by method"],
    ["a stored file with two sizes", { name: "s", method: 0, data: "x", size: 2 }, "two sizes"],
    [
      "a file past the directory",
      { name: "s", offset: 10_000 },
      "reaches past the zip's directory",
    ],
    ["another local name", { name: "a", localName: "b" }, "local header that differs"],
    ["another local size", { name: "a", data: "x", localSize: 2 }, "local header that differs"],
    ["another local method", { name: "a", data: "x", localMethod: 0 }, "local header that differs"],
    ["a local header elsewhere", { name: "a", offset: 1 }, "local header that differs"],
    ["a damaged extra field", { name: "a", extra: latin("\x01\0\xFF\0") }, "damaged extra field"],
    ["a size past 2^53", { name: "a", size: 2 ** 53, isWide: true }, "past 2^53"],
    [
      "damaged data",
      { name: "a", data: "aaaa", packed: latin("\x07\x07\x07") },
      "'a' has damaged data",
    ],
    ["fewer bytes than said", { name: "a", data: "aaaa", size: 5 }, "'a' has 4 of its 5 bytes"],
    ["more bytes than said", { name: "a", data: "aaaa", size: 3 }, "'a' has more than its 3 bytes"],
  ])("refuse %s", async (_, file, message) => {
    const files = [{ name: "ok", data: "ok" }, file];
    await expect(contents(files)).rejects.toThrow(message);
    await expect(contents(files)).rejects.toThrow(ArchiveProblem);
  });

  it("give files or a problem, and nothing else, for damaged zips", async () => {
    const zip = makeZip(MIXED, { isWide: true });
    const change = fc.record({ at: fc.nat(zip.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const damaged = zip.slice();
        changes.forEach(({ at, byte }) => {
          damaged[at] = byte;
        });
        const failure: unknown = await unzip(damaged).then(
          () => null,
          (error: unknown) => error,
        );
        expect(failure === null || failure instanceof ArchiveProblem).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe("Inflater", () => {
  it("refuses a long run of bytes behind the data, without keeping them", () => {
    const inflater = new Inflater("a", 1, freely());
    const behind = new Uint8Array(1024 * 1024);
    expect(() => [...inflater.push(latin("\x03\0")), ...inflater.push(behind)]).toThrow(
      "'a' has something behind its data",
    );
  });

  it("stops at the first byte too many", () => {
    const inflater = new Inflater("a", 10, freely());
    expect(() => [...inflater.push(deflateSync(new Uint8Array(11)))]).toThrow(ArchiveProblem);
  });
});
