import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { entryLengths } from "../../../src/archive/lengths.ts";
import { comparePaths } from "../../../src/protocol/paths.ts";
import { numberEntries } from "../../support/numbering.ts";

interface SizedFile {
  path: string;
  size: number;
}

const encoder = new TextEncoder();

/** Compares as bytes, one by one. */
function compareBytes(one: string, other: string): number {
  const [a, b] = [encoder.encode(one), encoder.encode(other)];
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at === -1 ? a.length - b.length : (a[at] ?? 0) - (b[at] ?? -1);
}

/** The rule as schema.sql says it: all paths in one list, sorted, counted one folder after the other. */
function numberNaively(files: readonly SizedFile[]) {
  const folders = new Set([""]);
  for (const { path } of files) {
    for (const { index } of path.matchAll(/\//gu)) {
      folders.add(path.slice(0, index + 1));
    }
  }
  const sorted = files.toSorted((a, b) => compareBytes(a.path, b.path));
  const paths = [...folders, ...files.map(({ path }) => path)].toSorted(compareBytes);
  const below = (folder: string, path: string) => path !== folder && path.startsWith(folder);
  const fileRows = sorted.map((file, at) => {
    const sum = (part: "tar" | "zip" | "directory") =>
      sorted
        .slice(0, at + 1)
        .reduce((total, { path, size }) => total + entryLengths(path, size)[part], 0);
    const ordinal = paths.indexOf(file.path);
    const ends = { tarEnd: sum("tar"), zipEnd: sum("zip"), directoryEnd: sum("directory") };
    return { kind: "file", file, ordinal, fileNumber: at + 1, ...ends };
  });
  const folderRows = [...folders].map((path) => {
    const inside = files.filter((file) => below(path, file.path));
    return {
      kind: "folder",
      path,
      ordinal: paths.indexOf(path),
      entryCount: paths.filter((other) => below(path, other)).length,
      fileCount: inside.length,
      totalBytes: inside.reduce((total, { size }) => total + size, 0),
    };
  });
  return [...fileRows, ...folderRows].toSorted((a, b) => a.ordinal - b.ordinal);
}

// Few segments, so that folders meet; around the slash and where UTF-16 sorts unlike UTF-8.
const segment = fc.constantFrom("a", "a-", "a0", "b", "é", "\u{FFFD}", "🗄", "n".repeat(120));
const tree = fc
  .uniqueArray(
    fc.record({
      path: fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
      size: fc.oneof(fc.nat(2_000), fc.constantFrom(8 * 1024 ** 3, 0xffff_ffff)),
    }),
    { selector: ({ path }) => path, maxLength: 40 },
  )
  .map((files) =>
    files.filter(({ path }) => !files.some((other) => other.path.startsWith(`${path}/`))),
  );

describe("numberEntries()", () => {
  it("numbers any tree as a sort of all its paths does", () => {
    fc.assert(
      fc.property(tree, (files) => {
        const sorted = files.toSorted((a, b) => comparePaths(a.path, b.path));
        const rows = [...numberEntries(sorted)].toSorted((a, b) => a.ordinal - b.ordinal);
        expect(rows).toEqual(numberNaively(files));
      }),
    );
  });

  it("gives a folder as soon as a path is outside it, the innermost first", () => {
    const files = ["a/b/1", "a/b/c/2", "a/d", "z"].map((path) => ({ path, size: 1 }));
    const given = [...numberEntries(files)].map((row) =>
      row.kind === "file" ? row.file.path : row.path,
    );
    expect(given).toEqual(["a/b/1", "a/b/c/2", "a/b/c/", "a/b/", "a/d", "a/", "z", ""]);
  });

  it("takes one file at a time", () => {
    let taken = 0;
    function* files() {
      for (const path of ["a", "b", "c"]) {
        taken += 1;
        yield { path, size: 0 };
      }
    }
    const rows = numberEntries(files());
    rows.next();
    expect(taken).toBe(1);
  });

  it("has only the root for no files", () => {
    expect([...numberEntries([])]).toEqual([
      { kind: "folder", path: "", ordinal: 0, entryCount: 0, fileCount: 0, totalBytes: 0 },
    ]);
  });

  it.each([
    ["out of order", ["b", "a"]],
    ["twice there", ["a", "a"]],
    ["in the order of UTF-16", ["🗄", "\u{FFFD}"]],
    ["empty", [""]],
  ])("refuses a path that is %s", (_, paths) => {
    expect(() => [...numberEntries(paths.map((path) => ({ path, size: 0 })))]).toThrow(
      /paths must ascend/u,
    );
  });
});

describe("entryLengths()", () => {
  // Sums of these are stored: a new value here needs a migration of the catalog.
  it.each([
    ["a", 0, { tar: 512, zip: 40, directory: 56 }],
    ["a", 1, { tar: 1024, zip: 41, directory: 56 }],
    ["d/a", 512, { tar: 1024, zip: 554, directory: 58 }],
    ["é", 0, { tar: 1536, zip: 41, directory: 57 }],
    ["n".repeat(101), 513, { tar: 2_048 + 512, zip: 653, directory: 156 }],
    ["a", 0xffff_fffe, { tar: 4_294_967_808, zip: 4_294_967_334, directory: 56 }],
    ["a", 0xffff_ffff, { tar: 4_294_967_808, zip: 4_294_967_355, directory: 56 }],
    ["a", 8 ** 11, { tar: 8 ** 11 + 1_536, zip: 8 ** 11 + 60, directory: 56 }],
    ["a", 2 ** 52, { tar: 2 ** 52 + 1_536, zip: 2 ** 52 + 60, directory: 56 }],
  ])("of %s with %d bytes", (path, size, lengths) => {
    expect(entryLengths(path, size)).toEqual(lengths);
  });
});
