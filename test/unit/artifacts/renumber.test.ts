import { describe, expect, it } from "vitest";

import { Renumbering } from "../../../src/artifacts/fsck/renumber.ts";
import type { Entry } from "../../../src/manifest/entries.ts";
import type { NewFile } from "../../../src/manifest/members.ts";
import type { VersionReader } from "../../../src/manifest/version-reader.ts";
import { Random } from "../../crash/random.ts";
import { collect, makeFile, makeManifest, openKept } from "../manifest/make-manifest.ts";

const NAMES = ["a", "a-", "a.b", "a0", "b", "ä", "z\u{1f600}", "-", "long".repeat(30)];

/** A random tree: its files, and folders that are empty or not. */
function drawTree(random: Random): { files: NewFile[]; folders: string[] } {
  const paths = new Set<string>();
  for (let count = random.upTo(60); count >= 0; count -= 1) {
    paths.add(Array.from({ length: 1 + random.upTo(4) }, () => random.pick(NAMES)).join("/"));
  }
  const isBelow = (path: string) => [...paths].some((other) => other.startsWith(`${path}/`));
  const leaves = [...paths].filter((path) => !isBelow(path));
  const folders = leaves.filter(() => random.chance(0.2));
  const files = leaves
    .filter((path) => !folders.includes(path))
    .map((path, seed) => makeFile(path, random.chance(0.1) ? 0 : random.upTo(9_999), seed));
  return { files, folders };
}

async function openTree(random: Random): Promise<{ reader: VersionReader; entries: Entry[] }> {
  const { files, folders } = drawTree(random);
  const { reader } = openKept(await makeManifest(files, folders));
  const blocks = await collect(reader.walk({ after: 0, last: reader.root.below.entries }));
  return { reader, entries: blocks.flat() };
}

describe("Renumbering", () => {
  it("gives the numbers and sums of manifests, from whichever entry it goes on", async () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const { reader, entries } = await openTree(new Random(seed));
      for (let after = 0; after <= entries.length; after += 1) {
        const numbering = await Renumbering.after(reader, after);
        const faults = entries.slice(after).map((entry) => numbering.take(entry));
        expect([seed, after, faults.filter((fault) => fault !== null)]).toEqual([seed, after, []]);
        expect([seed, after, numbering.finish(reader.root)]).toEqual([seed, after, 0]);
      }
    }
  });

  it("finds an entry that is missing, moved, or counts something else", async () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = new Random(seed);
      const { reader, entries } = await openTree(random);
      const at = random.upTo(entries.length - 1);
      const changed = entries.flatMap((entry, index) =>
        index === at ? change(random, entry) : [entry],
      );
      const numbering = await Renumbering.after(reader, 0);
      const faults = changed.filter((entry) => numbering.take(entry) !== null).length;
      expect([seed, faults + numbering.finish(reader.root) > 0]).toEqual([seed, true]);
    }
  });

  it("finds a file that is also a folder, with others between them and across a border", async () => {
    const names = ["a", "a-b", "a.c/d"];
    const { reader } = openKept(
      await makeManifest(
        names.map((name) => makeFile(name, 5)),
        ["a0"],
      ),
    );
    const entries = (await collect(reader.walk({ after: 0, last: 5 }))).flat();
    // The empty folder behind all, named as the file is.
    const asFile = entries.map((entry) =>
      entry.path === "a0/" ? { ...entry, path: "a/" } : entry,
    );
    for (let after = 0; after < 5; after += 1) {
      const numbering = await Renumbering.after(reader, after);
      const faults = asFile.slice(after).map((entry) => numbering.take(entry));
      expect([after, faults.at(-1)]).toEqual([after, "order"]);
    }
  });
});

/** Something else in place of an entry. */
function change(random: Random, entry: Entry): Entry[] {
  if (random.chance(0.2)) {
    return [];
  }
  if (entry.kind === "folder") {
    const part = random.pick([
      "entries",
      "files",
      "bytes",
      "tar",
      "zip",
      "directory",
      "emptyFolders",
    ] as const);
    return [{ ...entry, below: { ...entry.below, [part]: entry.below[part] + 1 } }];
  }
  const part = random.pick(["files", "bytes", "tar", "zip", "directory", "emptyFolders"] as const);
  return random.pick([
    [{ ...entry, sums: { ...entry.sums, [part]: entry.sums[part] + 1 } }],
    [{ ...entry, size: entry.size + 1 }],
    [{ ...entry, ordinal: entry.ordinal + 1 }],
    [{ ...entry, path: `${entry.path}/x` }],
    [{ ...entry, path: "" }],
  ]);
}
