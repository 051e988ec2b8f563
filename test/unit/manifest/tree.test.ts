import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { Members, MemberWriter } from "../../../src/manifest/members.ts";
import { planTree } from "../../../src/manifest/tree.ts";
import { comparePaths, findPathConflicts } from "../../../src/protocol/paths.ts";
import { faultsOf, makeFile, membersOf, treeOf } from "./make-manifest.ts";

const segment = fc.constantFrom("a", "a-", "b", "é", "🗄", "\u{FFFD}");
const paths = fc.array(
  fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
  { maxLength: 12 },
);

describe("planTree()", () => {
  it("refuses the trees that today's declarations refuse, and names the same paths", async () => {
    await fc.assert(
      fc.asyncProperty(paths, async (named) => {
        const sorted = named
          .map((path) => ({ path }))
          .toSorted((a, b) => comparePaths(a.path, b.path));
        const today = [...findPathConflicts(sorted, 1_000)].flatMap((each) => each?.path ?? []);
        const faults = await faultsOf(
          named.map((path, at) => makeFile(path, 1, at)),
          [],
          { folders: 1_000, faults: 1_000 },
        );
        expect(new Set(faults.map(({ path }) => path))).toEqual(new Set(today));
      }),
      { numRuns: 1_000 },
    );
  });

  it("says which path is a folder of which", async () => {
    const files = ["a", "a-b", "a/c"].map((path) => makeFile(path, 1));
    expect(await faultsOf(files)).toEqual([{ kind: "folder", path: "a", below: "a/c" }]);
    expect(await faultsOf([makeFile("x", 1)], ["x"])).toEqual([
      { kind: "folder", path: "x", below: "x/" },
    ]);
  });

  it("gives up at the first folder or fault too many", async () => {
    const deep = makeFile(Array.from({ length: 400 }, () => "d").join("/"), 1);
    expect(await faultsOf([deep], [], { folders: 398, faults: 9 })).toEqual([
      { kind: "folders", path: null },
    ]);
    expect(await faultsOf([deep], [], { folders: 399, faults: 9 })).toEqual([]);
    const same = Array.from({ length: 50 }, () => makeFile("x", 1));
    expect((await faultsOf(same, [], { folders: 1, faults: 9 })).length).toBe(9);
  });

  it("sums up what a version has before anything is written", async () => {
    const { total } = await treeOf([makeFile("a/b", 5), makeFile("c", 7)]);
    expect(total).toMatchObject({ entries: 3, files: 2, bytes: 12, tar: 2048 });
  });

  it("lets others have their turn while it goes through many members", async () => {
    const files = Array.from({ length: 5_000 }, (_, at) => makeFile(String(at), 1));
    let pauses = 0;
    const pause = async () => {
      pauses += 1;
    };
    await planTree(membersOf(files), { folders: 1, faults: 1, pause });
    expect(pauses).toBe(2);
  });
});

describe("MemberWriter", () => {
  it("goes on in other chunks with the keys that it had, so that members may come in turns", async () => {
    const first = new MemberWriter();
    first.addFile(makeFile("b", 5));
    const second = new MemberWriter(first.keys);
    const file = makeFile("a", 6);
    second.addFile({
      ...file,
      extents: [{ key: "o/2", start: 0, length: 1 }, ...makeFile("", 5).extents],
    });
    const members = new Members([...first.takeChunks(), ...second.takeChunks()], second.keys);
    const [a = 0, b = 0] = members.sorted();
    expect(second.keys).toEqual(["o/1", "o/2"]);
    expect(members.fileAt(a).extents.map(({ key }) => key)).toEqual([1, 0]);
    expect(members.fileAt(b).extents.map(({ key }) => key)).toEqual([0]);
    expect(second.takeChunks()).toEqual([]);
  });

  it("gives chunks of at most 1 MiB, so that each fits a row", () => {
    const writer = new MemberWriter();
    for (let at = 0; at < 9_000; at += 1) {
      writer.addFile(makeFile(`${at}${"x".repeat(at % 300)}`, 1, at));
    }
    const chunks = writer.takeChunks();
    expect(chunks.length).toBeGreaterThan(1);
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(1024 * 1024);
    expect(new Members(chunks, writer.keys).sorted().length).toBe(9_000);
  });

  const good = makeFile("a", 5);
  it.each([
    ["a path that no file may have", { path: "a/../b" }],
    ["extents of another length", { size: 6 }],
    ["an extent of no bytes", { extents: [...good.extents, { key: "o/1", start: 0, length: 0 }] }],
    ["half a hash", { sha256: new Uint8Array(16) }],
    ["a link to nothing", { linkTarget: "" }],
    ["a link of over 1,000 bytes", { linkTarget: "é".repeat(501) }],
    ["a time past the year 9999", { modifiedAt: 253_402_300_800_000 }],
    ["a time with parts of milliseconds", { modifiedAt: 0.5 }],
    ["a key with a space", { extents: [{ key: "o 1", start: 0, length: 5 }] }],
  ])("refuses %s", (_, change) => {
    expect(() => new MemberWriter().addFile({ ...good, ...change })).toThrow("Cannot");
  });

  it("refuses a file with more extents than a chunk has room for", () => {
    const extents = Array.from({ length: 200_000 }, () => ({ key: "o/1", start: 1e9, length: 1 }));
    expect(() => new MemberWriter().addFile({ ...makeFile("a", 200_000), extents })).toThrow(
      "too many",
    );
  });
});
