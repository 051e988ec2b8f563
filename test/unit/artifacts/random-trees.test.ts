// Random trees, by a plain reference and by the service: the same pages, archives, checksums and refusals.
// STOWAGE_TREES=10000 tries as many instead of 300, STOWAGE_SEED begins with another.

import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, inject, it } from "vitest";

import { readBundleRequest, readFiles } from "../../../src/api/debusine/read-bundle.ts";
import { Routes } from "../../../src/app-env.ts";
import { entriesOf } from "../../../src/artifacts/entries.ts";
import { Renumbering } from "../../../src/artifacts/fsck/renumber.ts";
import { openRow } from "../../../src/artifacts/held.ts";
import { writeManifest } from "../../../src/artifacts/manifests.ts";
import { Declared, DeclaredWriter } from "../../../src/drafts/declared.ts";
import { DraftTree } from "../../../src/drafts/draft-tree.ts";
import { planTree } from "../../../src/manifest/tree.ts";
import type { VersionReader } from "../../../src/manifest/version-reader.ts";
import type { Browsed } from "../../../src/pages/browsed.ts";
import { listFolder } from "../../../src/pages/list-folder.tsx";
import { sendArchive } from "../../../src/pages/send-archive.ts";
import { sendChecksums } from "../../../src/pages/send-checksums.ts";
import { isAppError } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import { comparePaths } from "../../../src/protocol/paths.ts";
import { readSettings } from "../../../src/settings.ts";
import { collect } from "../manifest/make-manifest.ts";
import { readObject, readRow } from "../manifest/read-by-the-page.ts";
import type { PlainEntry } from "../manifest/read-by-the-page.ts";
import { parsePage } from "../pages/parse-page.ts";
import { applySchema } from "../support/catalog.ts";
import { hashesOf, plainRefusals, PlainVersion } from "../support/plain-version.ts";
import { drawFaulty, drawTree, POOL, Random } from "../support/random-tree.ts";
import type { RandomFile } from "../support/random-tree.ts";
import { gather, plantTree } from "../support/whole-version.ts";

/** When every version here was made, in milliseconds: an odd second and a bit. */
const MADE_AT = 1_793_400_001_234;
const SECONDS = Math.floor(MADE_AT / 1_000);

beforeAll(async () => {
  await applySchema();
  for (const [key, data] of Object.entries(POOL)) {
    await env.BUCKET.put(key, data);
  }
});

/** A tree in the service, and as it is meant to be. */
interface Case {
  random: Random;
  files: readonly RandomFile[];
  plain: PlainVersion;
  artifact: Browsed;
  reader: VersionReader;
}

/** Asks for a folder as for one under /a/7/. */
async function ask({ artifact }: Case, folder: string, query: string, headers: HeadersInit = {}) {
  const app = new Routes();
  app.get("/", async (c) => {
    c.set("settings", readSettings(env));
    c.set("identity", { kind: "nobody", refusal: null });
    c.set("session", null);
    const entries = entriesOf(c.env, artifact.version);
    const found = await entries.find(folder);
    if (found?.kind !== "folder") {
      throw new Error(`There is no folder '${folder}'`);
    }
    const { checksums, archive } = c.req.query();
    if (archive !== undefined) {
      return sendArchive(c, artifact, found, archive);
    }
    return checksums === undefined
      ? listFolder(c, artifact, { entries, folder: found })
      : sendChecksums(c, artifact, { entries, folder: found }, checksums);
  });
  app.onError((error) => {
    throw error;
  });
  return app.request(`/?${query}`, { headers }, env);
}

/** Makes a random tree a version. */
async function makeCase(seed: number): Promise<Case> {
  const random = new Random(seed);
  const { files, folders } = drawTree(random);
  const shuffled = files.toSorted(() => random.next() - 0.5);
  const described = shuffled.map(({ data, ...facts }) => {
    const { crc32, sha256, sha512 } = hashesOf(data);
    const hashes = { sha256: Uint8Array.fromHex(sha256), sha512: Uint8Array.fromHex(sha512) };
    return { ...facts, size: data.length, crc32, ...hashes };
  });
  const { manifest } = await writeManifest(env, await plantTree(described, folders), newUuid());
  const row = { key: manifest.key, row: manifest.row.toHex() };
  const version = {
    id: seed,
    index: 3,
    newest: 3,
    createdAt: MADE_AT,
    sealed: true,
    draft: null,
    manifest: row,
  };
  // What the pages and archives look at.
  const artifact = {
    id: 7,
    uuid: "3f1c0a3e-6d5b-4a53-9c58-0d6f2b7e9a11",
    name: "drawn",
    workspace: "ci",
    public: true,
    shared: false,
    createdAt: MADE_AT,
    expiresAt: null,
    readable: true,
    version,
  } as unknown as Browsed;
  const plain = new PlainVersion({ files, folders }, SECONDS);
  return { random, files, plain, artifact, reader: openRow(env.BUCKET, row) };
}

/** All pages of all folders, as JSON. */
async function expectPages(drawn: Case): Promise<void> {
  for (const folder of drawn.plain.folders) {
    const { pages, rows, ...sums } = drawn.plain.listing(folder);
    for (let page = 1; page <= pages; page += 1) {
      const answer = await ask(drawn, folder, `page=${page}`, { Accept: "application/json" });
      expect(await answer.json()).toEqual({
        artifact: { id: 7, uuid: drawn.artifact.uuid, name: "drawn" },
        workspace: "ci",
        version: 3,
        folder,
        ...sums,
        page,
        pages,
        entries: rows.slice(50 * (page - 1), 50 * page),
      });
    }
  }
}

/** One page as HTML: its addresses and checksums. */
async function expectPage(drawn: Case): Promise<void> {
  const folder = drawn.random.of(drawn.plain.folders);
  const { pages, rows } = drawn.plain.listing(folder);
  const page = 1 + drawn.random.below(pages);
  const answer = await ask(drawn, folder, `page=${page}`, { Accept: "text/html" });
  const elements = await parsePage(await answer.text());
  const body = elements.slice(elements.findIndex(({ tag }) => tag === "tbody"));
  const onPage = rows.slice(50 * (page - 1), 50 * page);
  const links = body.filter(({ tag, attributes }) => {
    return tag === "a" && attributes["class"] === undefined;
  });
  expect(links.slice(0, onPage.length).map(({ attributes }) => attributes["href"])).toEqual(
    onPage.map(({ url }) => url),
  );
  const digests = body.filter(({ tag }) => tag === "code").map(({ text }) => text);
  expect(digests).toEqual(
    onPage.flatMap((row) => ("sha256" in row ? [row.sha256, row.sha512] : [])),
  );
}

async function expectChecksums(drawn: Case): Promise<void> {
  for (const folder of ["", drawn.random.of(drawn.plain.folders)]) {
    for (const name of ["sha256", "sha512"] as const) {
      const answer = await ask(drawn, folder, `checksums=${name}`);
      expect(await answer.text()).toBe(drawn.plain.checksums(folder, name));
    }
  }
}

/** The archives of the whole and one of a folder, from end to end and in part. */
async function expectArchives(drawn: Case): Promise<void> {
  const { random, plain } = drawn;
  for (const [folder, format] of [
    ["", "tar"],
    ["", "zip"],
    [random.of(plain.folders), random.of(["tar", "zip"] as const)],
  ] as const) {
    const expected = plain.archive(folder, format);
    const answer = await ask(drawn, folder, `archive=${format}`);
    expect(answer.headers.get("Content-Length")).toBe(String(expected.length));
    const { sha256 } = hashesOf(new Uint8Array(await answer.arrayBuffer()));
    expect([folder, format, sha256]).toEqual([folder, format, hashesOf(expected).sha256]);
    for (let count = 0; count < 2; count += 1) {
      const start = random.below(expected.length);
      const length = 1 + random.below(random.isIn(0.8) ? 2_000 : expected.length - start);
      const part = expected.subarray(start, start + length);
      const range = `bytes=${start}-${start + length - 1}`;
      const partly = await ask(drawn, folder, `archive=${format}`, { Range: range });
      const got = new Uint8Array(await partly.arrayBuffer());
      const seen = [partly.status, folder, format, range, got.length, hashesOf(got).sha256];
      expect(seen).toEqual([206, folder, format, range, part.length, hashesOf(part).sha256]);
    }
  }
}

/** What the reader says of each entry, and of some places and paths. */
async function expectEntries({ random, plain, reader, files }: Case): Promise<void> {
  const { entries } = plain;
  const sums = plain.sums();
  const byPath = new Map(files.map((file) => [file.path, file]));
  const walked = (await collect(reader.walk({ after: 0, last: entries.length }))).flat();
  const numbering = await Renumbering.after(reader, 0);
  expect(walked.length).toBe(entries.length);
  for (const [at, entry] of entries.entries()) {
    const seen = walked[at];
    expect([seen?.path, seen?.ordinal, seen && numbering.take(seen)]).toEqual([
      entry.path,
      at + 1,
      null,
    ]);
    if (entry.kind === "file" && seen?.kind === "file") {
      const { data, extents, ...facts } = byPath.get(entry.path) ?? { extents: [] };
      const { place: _, kind: __, ordinal: ___, ...said } = seen;
      const hashes = { sha256: said.sha256.toHex(), sha512: said.sha512.toHex() };
      const wanted = { ...facts, ...entry.hashes, size: data?.length, sums: sums[at + 1] };
      expect({ ...said, ...hashes }).toEqual(wanted);
      expect((await collect(reader.extents(seen))).flat()).toEqual(extents);
      expect((await reader.fileAt(said.sums.files))?.path).toBe(entry.path);
    }
  }
  expect(numbering.finish(reader.root)).toBe(0);
  for (let count = 0; count < 20; count += 1) {
    const at = random.below(entries.length);
    const path = entries[at]?.path ?? "";
    expect([(await reader.find(path))?.ordinal, await reader.sums(at)]).toEqual([at + 1, sums[at]]);
    const other = random.of([
      `${path}x`,
      path.slice(0, -1),
      `${path}/`,
      `${path}\0`,
      path.slice(1),
    ]);
    const there = entries.findIndex((each) => each.path === other);
    expect([other, (await reader.find(other))?.ordinal]).toEqual([
      other,
      other === "" ? 0 : there === -1 ? undefined : there + 1,
    ]);
  }
}

/** A reader that was written from docs/manifest.md alone. */
async function expectByThePage({ plain, artifact, files }: Case): Promise<void> {
  const { key, row } = artifact.version.manifest ?? { key: null, row: "" };
  const object = key === null ? null : await (await env.BUCKET.get(key))?.bytes();
  const read = object ? readObject(object) : readRow(Uint8Array.fromHex(row));
  const byPath = new Map(files.map((file) => [file.path, file]));
  const sums = plain.sums();
  const wanted = plain.entries.map((entry, at): PlainEntry => {
    const file = byPath.get(entry.path);
    if (file === undefined) {
      const below = plain.below(entry.path).length;
      const [before, after] = [sums[at + 1], sums[at + 1 + below]];
      const parts = ["files", "bytes", "tar", "zip", "directory", "emptyFolders"] as const;
      const counts = parts.map((part) => (after?.[part] ?? 0) - (before?.[part] ?? 0));
      return { path: entry.path, folder: [below, ...counts] };
    }
    const { crc32, sha256, sha512 } = hashesOf(file.data);
    const crc = new Uint8Array(Uint32Array.of(crc32).buffer).toHex();
    return {
      path: file.path,
      size: file.data.length,
      extents: file.extents.map(({ key: from, start, length }) => [from, start, length]),
      hashes: [crc, sha256, sha512],
      type: file.type,
      executable: file.isExecutable,
      time: file.modifiedAt,
      link: file.linkTarget,
    };
  });
  expect(read).toEqual(wanted);
}

/** The files as a draft numbers them, where folders without files are not. */
async function expectDraft({ files }: Case): Promise<void> {
  const plain = new PlainVersion({ files, folders: [] }, SECONDS);
  const writer = new DeclaredWriter();
  for (const file of files.toSorted((one, other) => comparePaths(one.path, other.path))) {
    const { sha256 } = hashesOf(file.data);
    writer.add({ path: file.path, size: file.data.length, sha256, contentType: file.type });
  }
  const declared = new Declared(writer.finish());
  const tree = await DraftTree.make(declared);
  const seen = plain.entries.map((_, at) => {
    const there = tree.at(at + 1);
    return typeof there === "number" ? declared.fileAt(there).path : there;
  });
  const wanted = plain.entries.map((entry, at) => {
    if (entry.kind === "file") {
      return entry.path;
    }
    const { file_count: fileCount, total_bytes: totalBytes } = plain.listing(entry.path);
    const entryCount = plain.below(entry.path).length;
    return { kind: "folder", path: entry.path, ordinal: at + 1, entryCount, fileCount, totalBytes };
  });
  expect(seen).toEqual(wanted);
  expect(tree.at(plain.entries.length + 1)).toBe(null);
  for (const [at, { path, kind }] of plain.entries.entries()) {
    expect(kind === "folder" ? tree.findFolder(path) : declared.find(path)).toEqual(
      kind === "folder"
        ? wanted[at]
        : plain.filesIn("").findIndex((file) => file.path === path) + 1,
    );
  }
}

/** The paths that a declaration of files, and a tree of members, is refused for. */
async function expectRefusals({ random, files }: Case): Promise<void> {
  const paths = files.map(({ path }) => path);
  for (const some of [paths, drawFaulty(random, paths)]) {
    const once = [...new Set(some)];
    const file = { type: "file", size: 1, checksums: { sha256: "0".repeat(64) } };
    const declared = Object.fromEntries(once.map((path) => [path, file]));
    const text = JSON.stringify({ category: "c", files: declared });
    const found = await readBundleRequest(text, 0)
      .then((request) => readFiles(request.files))
      .then(
        (read) => read.map(({ path }) => path),
        (error: unknown) => {
          if (!isAppError(error) || error.code !== "bundle_invalid") {
            throw error;
          }
          const { files: named } = error.members as { files: Record<string, unknown> };
          return new Set(Object.keys(named));
        },
      );
    const refused = plainRefusals(once);
    const inOrder = () =>
      new PlainVersion({ files: once.map(toEmpty), folders: [] }, 0).filesIn("");
    expect(found).toEqual(refused.size > 0 ? refused : inOrder().map(({ path }) => path));
    const all = plainRefusals(some);
    if (some.every((path) => plainRefusals([path]).size === 0)) {
      const bounds = { folders: 100_000, faults: 1_000, pause: async () => undefined };
      const planned = await planTree(gather(some.map(toMember)), bounds);
      const faults = planned.ok ? [] : planned.faults.map(({ path }) => path);
      expect(new Set(faults)).toEqual(all);
    }
  }
}

function toEmpty(path: string) {
  const nothing = { type: null, isExecutable: false, modifiedAt: null, linkTarget: null };
  return { path, data: new Uint8Array(), ...nothing };
}

function toMember(path: string) {
  const { data, ...file } = toEmpty(path);
  const [sha256, sha512] = [new Uint8Array(32), new Uint8Array(64)];
  return { ...file, size: data.length, crc32: 0, sha256, sha512, extents: [] };
}

describe("random trees", () => {
  it("are listed, sent, summed up and refused as the plain reference says", async () => {
    const first = inject("model").seed ?? 0;
    for (let seed = first; seed < first + inject("trees"); seed += 1) {
      const drawn = await makeCase(seed);
      try {
        await expectEntries(drawn);
        await expectByThePage(drawn);
        await expectPages(drawn);
        await expectPage(drawn);
        await expectChecksums(drawn);
        await expectArchives(drawn);
        await expectDraft(drawn);
        await expectRefusals(drawn);
      } catch (error) {
        throw new Error(`Tree ${seed} of ${drawn.files.length} files differs`, { cause: error });
      }
      const { key } = drawn.artifact.version.manifest ?? { key: null };
      if (key !== null) {
        await env.BUCKET.delete(key);
      }
    }
  }, 3_600_000);
});
