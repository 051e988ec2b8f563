// What runs outside of a Worker: the printer of manifests, and the making of a large one in a small heap.

import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { NODE, ROOT } from "../../scripts/project.mjs";
import { encodeManifest } from "../../src/manifest/encode.ts";
import { Members, MemberWriter } from "../../src/manifest/members.ts";
import type { NewFile } from "../../src/manifest/members.ts";
import { planTree } from "../../src/manifest/tree.ts";
import { makeFolder, runTool } from "../support/run-tool.ts";

const SHA256 = new Uint8Array(32).fill(0xab);

function makeFile(path: string, size: number): NewFile {
  return {
    path,
    size,
    crc32: 1,
    sha256: SHA256,
    sha512: new Uint8Array(64),
    extents: [{ key: "o/1", start: 9, length: size }],
    type: null,
    isExecutable: false,
    modifiedAt: null,
    linkTarget: null,
  };
}

const pause = async () => undefined;

/** Writes a manifest of files and an empty folder, and gives its bytes. */
async function makeManifest(files: readonly NewFile[]): Promise<Uint8Array> {
  const writer = new MemberWriter();
  for (const file of files) {
    writer.addFile(file);
  }
  writer.addFolder("empty");
  const members = new Members(writer.takeChunks(), writer.keys);
  const planned = await planTree(members, { folders: 10, faults: 1, pause });
  if (!planned.ok) {
    throw new Error("The files are no tree");
  }
  const made = await encodeManifest(planned.tree, {
    leftOut: { count: 2, named: [{ path: Uint8Array.of(0x61, 0x1b, 0xff), reason: "is odd" }] },
    newSha256: () => {
      const hash = createHash("sha256");
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.copy().digest() };
    },
    pause,
  });
  return made.kind === "inline" ? made.bytes : Buffer.concat([...made.pieces()]);
}

async function print(bytes: Uint8Array, ...args: string[]) {
  await using folder = await makeFolder();
  const file = join(folder.path, "manifest");
  await writeFile(file, bytes);
  return await runTool(NODE, join(ROOT, "scripts", "manifest.mjs"), file, ...args);
}

describe("npm run manifest", () => {
  const small = [
    { ...makeFile("bin/run", 5), isExecutable: true, modifiedAt: 0, type: "text/plain" },
    {
      ...makeFile("bin/so\u202E", 7),
      linkTarget: "run",
      extents: [
        { key: null, start: 0 as const, length: 4 },
        { key: "o/2", start: 1, length: 3 },
      ],
    },
  ];

  it("prints one that is whole in its row, a line for each entry", async () => {
    expect(await print(await makeManifest(small), "--extents")).toEqual({
      code: 0,
      output: [
        "2 files of 12 bytes, 2 folders, 2 objects",
        "archives by layout 2: tar 3584, zip 151 and 187",
        "left out: a\\u{1b}ÿ (is odd)",
        "left out: 1 more",
        "1 d 12 bin/ (2 entries, 2 files)",
        "2 x 5 1970-01-01T00:00:00.000Z bin/run (text/plain)",
        "    5 at 9 of o/1",
        "3 l 7 bin/so\\u{202e} -> run",
        "    4 zeros",
        "    3 at 1 of o/2",
        "4 d 0 empty/ (0 entries, 0 files)",
        "",
      ].join("\n"),
    });
  });

  it("prints one that is an object", async () => {
    const files = Array.from({ length: 600 }, (_, at) => makeFile(`f${1_000 + at}`, 1));
    const { code, output } = await print(await makeManifest(files), "--hashes");
    const lines = output.split("\n");
    expect([code, lines.length]).toEqual([0, 4 + 601 + 1]);
    expect(lines[604]).toBe(`601 - 1 ${"ab".repeat(32)} f1599`);
  });

  it("says that one is damaged", async () => {
    const bytes = Buffer.from(await makeManifest(small));
    bytes[30] = 0xff;
    expect(await print(bytes)).toMatchObject({
      code: 1,
      output: expect.stringContaining("Cannot read"),
    });
  });
});

describe("npm run bench:manifest", () => {
  it("makes one of 100,000 files, 8 in an object, in a heap of 48 MB and 145 bytes a file", async () => {
    const script = join(ROOT, "bench", "manifest.ts");
    const { code, output } = await runTool(NODE, "--max-old-space-size=48", script, "100000", "8");
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(Number(/([\d.]+) bytes a file/.exec(output)?.[1])).toBeLessThanOrEqual(145);
  }, 300_000);
});
