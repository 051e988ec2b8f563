import * as fc from "fast-check";
import { deflateSync, zipSync } from "fflate";
import { describe, expect, it } from "vitest";

import { ArchiveProblem } from "../../../src/archive/archive-problem.ts";
import { Inflater } from "../../../src/archive/inflate.ts";
import { freely, latin } from "./make-tar.ts";
import { makeZip } from "./make-zip.ts";
import type { EndOddities, ZipFile } from "./make-zip.ts";
import { unzip } from "./unzip.ts";

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

  it("read a directory that is longer than a window", async () => {
    const files = Object.fromEntries(
      Array.from({ length: 400 }, (_, n) => [`${"d/".repeat(400)}${n}`, latin(String(n))]),
    );
    expect((await unzip(zipSync(files, { level: 0 }))).size).toBe(400);
  });

  it.each([
    ["a prefix before the archive", { prefix: latin("#!/bin/sh\n") }, "not where its end says"],
    ["a directory elsewhere", { offset: 1 }, "not where its end says"],
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
    ["a symbolic link", { name: "ln", mode: 0o120777 }, "'ln' is a symbolic link"],
    ["a device", { name: "null", mode: 0o020666 }, "'null' is a device"],
    ["a fifo", { name: "p", mode: 0o010644 }, "'p' is a fifo"],
    [
      "an absolute path",
      { name: "/etc/passwd" },
      "'/etc/passwd' has a path that begins or ends with a slash",
    ],
    ["a path that climbs", { name: "a/../../x" }, "holds an empty, '.' or '..' segment"],
    ["a folder that climbs", { name: "../", method: 0 }, "holds an empty, '.' or '..' segment"],
    ["a backslash", { name: "a\\b" }, "holds a backslash"],
    ["no name", { name: "" }, "is empty"],
    ["a name that is not UTF-8", { name: "x", rawName: latin("caf\xE9") }, "that is not UTF-8"],
    ["a folder with bytes", { name: "d/", data: "x" }, "'d/' has bytes"],
    ["an encrypted file", { name: "e", flags: 1 }, "'e' is encrypted"],
    ["strong encryption", { name: "e", flags: 0x41 }, "'e' is encrypted"],
    ["another method", { name: "b", method: 12, data: "x" }, "'b' is packed by method 12"],
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
