// The listings of /a/: which entries a page has, in which order, and where its links lead (debusine
// contract, section 2).

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { addVersion, hexDigest, inByteOrder, makeArtifact } from "../support/make-artifact.ts";
import type { Home, MadeArtifact, MadeFile } from "../support/make-artifact.ts";
import { rawRequest } from "../support/raw-request.ts";
import { startService } from "../support/service.ts";

interface JsonEntry {
  type: "file" | "folder";
  path: string;
  size?: number;
  sha256?: string;
  sha512?: string;
  file_count?: number;
  total_bytes: number;
  url: string;
}

interface JsonListing {
  artifact: { id: number; uuid: string; name: string };
  workspace: string;
  version: number;
  folder: string;
  file_count: number;
  total_bytes: number;
  page: number;
  pages: number;
  entries: JsonEntry[];
}

/** A row of the HTML page. */
interface Row {
  href: string;
  path: string;
  size: number;
  digests: string[];
}

const CONTENTS = Array.from({ length: 5 }, (_, at) => Buffer.from("x".repeat(at * 7)));

let service: Awaited<ReturnType<typeof startService>>;
let home: Home;

beforeAll(async () => {
  service = await startService();
  home = { workspace: "open", bearer: await service.makeWorkspace("open", { public: true }) };
});

afterAll(() => service[Symbol.asyncDispose]());

/** Files of a few small contents. */
function filesAt(paths: readonly string[]): MadeFile[] {
  return paths.map((path, at) => ({ path, bytes: CONTENTS[at % CONTENTS.length] ?? Buffer.of() }));
}

/** All that a listing shows of files: they and their folders. */
function entriesOf(files: readonly MadeFile[]): string[] {
  const folders = files.flatMap(({ path }) =>
    path.split("/").map((_, depth, segments) => `${segments.slice(0, depth).join("/")}/`),
  );
  return inByteOrder(new Set([...files.map(({ path }) => path), ...folders])).filter(
    (path) => path !== "/",
  );
}

async function getPage(path: string): Promise<string> {
  const reply = await service.fetch(path, { headers: { Accept: "text/html" } });
  expect([path, reply.status]).toEqual([path, 200]);
  expect(reply.headers.get("Content-Type")).toMatch(/^text\/html/u);
  return reply.text();
}

async function getJson(path: string): Promise<{ listing: JsonListing; next: string | null }> {
  const reply = await service.fetch(path, { headers: { Accept: "application/json" } });
  expect([path, reply.status]).toEqual([path, 200]);
  const link = reply.headers.get("Link");
  const next = /^<([^>]*)>; rel="next"$/u.exec(link ?? "")?.[1] ?? null;
  expect(link === null).toBe(next === null);
  return { listing: await reply.json(), next };
}

function decodeEntities(text: string): string {
  return text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");
}

function rowsOf(page: string): Row[] {
  const [, body = ""] = /<tbody>(.*)<\/tbody>/su.exec(page) ?? [];
  return body
    .split("<tr")
    .slice(1)
    .map((row) => {
      const [, href = "", label = ""] = /<a href="([^"]*)">(.*?)<\/a>/su.exec(row) ?? [];
      const [, size = ""] = /<data value="(\d+)"/u.exec(row) ?? [];
      return {
        href: decodeEntities(href),
        path: decodeEntities(label.replaceAll(/<[^>]*>/gu, "")),
        size: Number(size),
        digests: [...row.matchAll(/<code[^>]*>([0-9a-f]+)<\/code>/gu)].map(([, hex = ""]) => hex),
      };
    });
}

function linkTo(page: string, rel: "next" | "prev"): string | null {
  const anchors = [...page.matchAll(/<a ([^>]*)>/gu)].map(([, attributes = ""]) => attributes);
  const found = anchors.find((attributes) => attributes.includes(`rel="${rel}"`)) ?? "";
  const [, href = null] = /href="([^"]*)"/u.exec(found) ?? [];
  return href && decodeEntities(href);
}

/** Follows the links to the next page from the first. */
async function walkPages(first: string): Promise<Row[][]> {
  const pages: Row[][] = [];
  for (let path: string | null = first; path !== null;) {
    const page: string = await getPage(path);
    pages.push(rowsOf(page));
    path = linkTo(page, "next");
  }
  return pages;
}

async function walkJson(first: string): Promise<JsonListing[]> {
  const pages: JsonListing[] = [];
  for (let path: string | null = first; path !== null;) {
    const { listing, next }: { listing: JsonListing; next: string | null } = await getJson(path);
    pages.push(listing);
    path = next;
  }
  return pages;
}

describe("a listing of 120 files in folders", () => {
  const files = filesAt([
    ...Array.from({ length: 70 }, (_, at) => `build/out/${at}/log.txt`),
    ...Array.from({ length: 30 }, (_, at) => `docs/page-${at}.html`),
    ...Array.from({ length: 15 }, (_, at) => `docs.d/${at}`),
    "Makefile",
    "README",
    "build.sh",
    "docs.txt",
    "zz",
  ]);
  const everything = entriesOf(files);
  const below = (folder: string) =>
    everything.filter((path) => path.startsWith(folder) && path !== folder);
  let artifact: MadeArtifact;
  let root: string;

  beforeAll(async () => {
    artifact = await makeArtifact(service, home, "release", files);
    root = `/a/${artifact.id}/`;
  });

  it("has pages of 50 that its links lead through, every entry once, in byte order of the path", async () => {
    const pages = await walkPages(root);
    const sizes = pages.map((rows) => rows.length);
    expect(sizes).toEqual([50, 50, 50, everything.length - 150]);
    expect(pages.flat().map(({ path }) => path)).toEqual(everything);
  });

  it("leads back from the last page to the first", async () => {
    const seen: string[] = [];
    for (let path: string | null = `${root}?page=4`; path !== null;) {
      seen.push(path);
      path = linkTo(await getPage(path), "prev");
    }
    expect(seen).toEqual([`${root}?page=4`, `${root}?page=3`, `${root}?page=2`, root]);
  });

  it("shows the size and the checksums of each file, and of each folder what is in it", async () => {
    const rows = (await walkPages(root)).flat();
    const bytesAt = new Map(files.map(({ path, bytes }) => [path, bytes]));
    for (const { path, size, digests, href } of rows) {
      const bytes = bytesAt.get(path);
      expect(href).toBe(root + path);
      if (bytes === undefined) {
        const inside = files.filter((file) => file.path.startsWith(path));
        const total = inside.reduce((sum, file) => sum + file.bytes.length, 0);
        expect({ path, size, digests }).toEqual({ path, size: total, digests: [] });
      } else {
        const expected = [hexDigest("sha256", bytes), hexDigest("sha512", bytes)];
        expect({ path, size, digests }).toEqual({ path, size: bytes.length, digests: expected });
      }
    }
  });

  it("is the same as JSON, page by page", async () => {
    const pages = await walkJson(root);
    expect(pages.map(({ page, pages: count }) => [page, count])).toEqual(
      [1, 2, 3, 4].map((at) => [at, 4]),
    );
    const total = files.reduce((sum, { bytes }) => sum + bytes.length, 0);
    for (const page of pages) {
      expect(page).toMatchObject({
        artifact: { id: artifact.id, uuid: artifact.uuid, name: "release" },
        workspace: "open",
        version: 1,
        folder: "",
        file_count: 120,
        total_bytes: total,
      });
    }
    const entries = pages.flatMap((page) => page.entries);
    expect(entries.map(({ path }) => path)).toEqual(everything);
    const file = files.find(({ path }) => path === "zz");
    expect(entries.at(-1)).toEqual({
      type: "file",
      path: "zz",
      size: file?.bytes.length,
      sha256: hexDigest("sha256", file?.bytes ?? Buffer.of()),
      sha512: hexDigest("sha512", file?.bytes ?? Buffer.of()),
      // The walk is pinned from its second page on, and so are the links there.
      url: `${root}zz?version=1`,
    });
    expect(entries.find(({ path }) => path === "docs.d/")).toEqual({
      type: "folder",
      path: "docs.d/",
      file_count: 15,
      total_bytes: files
        .filter(({ path }) => path.startsWith("docs.d/"))
        .reduce((sum, { bytes }) => sum + bytes.length, 0),
      url: `${root}docs.d/?version=1`,
    });
  });

  it.each(["docs/", "docs.d/", "build/", "build/out/", "build/out/7/"])(
    "shows of %s what is below it and nothing beside it",
    async (folder) => {
      const expected = below(folder);
      const rows = (await walkPages(root + folder)).flat();
      expect(rows.map(({ path }) => folder + path)).toEqual(expected);
      expect(rows.map(({ href }) => href)).toEqual(expected.map((path) => root + path));
      const pages = await walkJson(root + folder);
      expect(pages.flatMap(({ entries }) => entries.map(({ path }) => path))).toEqual(expected);
      const inside = files.filter(({ path }) => path.startsWith(folder));
      expect(pages[0]).toMatchObject({
        folder,
        file_count: inside.length,
        total_bytes: inside.reduce((sum, { bytes }) => sum + bytes.length, 0),
      });
    },
  );

  it("answers 404 to a page behind the last, in the whole and in a folder", async () => {
    for (const path of ["?page=5", "?page=1000000", "docs/?page=2", "build/?page=4"]) {
      expect((await service.fetch(root + path)).status).toBe(404);
    }
    expect((await service.fetch(`${root}build/?page=3`)).status).toBe(200);
  });

  it("says the same of page 1 with and without its number", async () => {
    const withNumber = await getPage(`${root}?page=1`);
    // The link to log in leads back to the very address.
    expect(withNumber.replace("%3Fpage%3D1", "")).toBe(await getPage(root));
  });

  it("keeps the version in every link of a page that was asked for by version", async () => {
    const pinned = await getPage(`${root}?version=1&page=2`);
    expect(linkTo(pinned, "next")).toBe(`${root}?version=1&page=3`);
    expect(linkTo(pinned, "prev")).toBe(`${root}?version=1`);
    expect(rowsOf(pinned).every(({ href }) => href.endsWith("?version=1"))).toBe(true);
    expect(pinned).toContain(`href="${root}?version=1&amp;archive=tar.gz"`);
    const { listing, next } = await getJson(`${root}?version=1`);
    expect(next).toBe(`${root}?version=1&page=2`);
    expect(listing.entries.every(({ url }) => url.endsWith("?version=1"))).toBe(true);
  });

  it("is not kept by caches without asking again", async () => {
    for (const accept of ["text/html", "application/json"]) {
      const { headers } = await service.fetch(root, { headers: { Accept: accept } });
      expect(headers.get("Cache-Control")).toBe("no-cache");
      expect(headers.get("Vary")).toMatch(/\bAccept\b/u);
    }
  });
});

describe("a listing", () => {
  it("orders by bytes, so that what begins like a folder's name stands before or after all of it", async () => {
    const paths = [
      "a0",
      "a/b",
      "a.txt",
      "a/b0",
      "a/a/z",
      "B",
      "é",
      "z",
      "a b",
      "\u{1F389}",
      "\uFFEE",
    ];
    const { id } = await makeArtifact(service, home, "order", filesAt(paths));
    const { listing } = await getJson(`/a/${id}/`);
    expect(listing.entries.map(({ path }) => path)).toEqual([
      "B",
      "a b",
      "a.txt",
      "a/",
      "a/a/",
      "a/a/z",
      "a/b",
      "a/b0",
      "a0",
      "z",
      "é",
      "\uFFEE",
      "\u{1F389}",
    ]);
  });

  it.each([
    [49, 1],
    [50, 1],
    [51, 2],
    [100, 2],
    [101, 3],
  ])("of %i files takes %i pages", async (count, pages) => {
    const paths = Array.from({ length: count }, (_, at) => `file-${at}`);
    const { id } = await makeArtifact(service, home, `count-${count}`, filesAt(paths));
    const walked = await walkPages(`/a/${id}/`);
    expect([walked.length, walked.flat().length]).toEqual([pages, count]);
    expect((await service.fetch(`/a/${id}/?page=${pages + 1}`)).status).toBe(404);
  });

  it("of an uploaded file has that file", async () => {
    const bytes = Buffer.from("uploaded");
    const { id } = await service.upload("by api.txt", bytes, home.bearer);
    const [row, ...others] = rowsOf(await getPage(`/a/${id}/`));
    expect(others).toEqual([]);
    expect(row).toEqual({
      href: `/a/${id}/by%20api.txt`,
      path: "by api.txt",
      size: 8,
      digests: [hexDigest("sha256", bytes), hexDigest("sha512", bytes)],
    });
  });

  it("of a version without files is empty, and has one page", async () => {
    const { id } = await makeArtifact(service, home, "empty", []);
    expect(rowsOf(await getPage(`/a/${id}/`))).toEqual([]);
    const { listing, next } = await getJson(`/a/${id}/`);
    expect([listing.entries, listing.pages, next]).toEqual([[], 1, null]);
    expect((await service.fetch(`/a/${id}/?page=2`)).status).toBe(404);
  });

  it("shows each version as it was", async () => {
    const artifact = await makeArtifact(service, home, "versions", filesAt(["old/a", "same"]));
    await addVersion(service, home, artifact, filesAt(["new/b", "same"]));
    const seen = await Promise.all(
      ["", "?version=1", "?version=2"].map(async (query) => {
        const { listing } = await getJson(`/a/${artifact.id}/${query}`);
        return [listing.version, ...listing.entries.map(({ path }) => path)];
      }),
    );
    const newest = [2, "new/", "new/b", "same"];
    expect(seen).toEqual([newest, [1, "old/", "old/a", "same"], newest]);
    expect((await service.fetch(`/a/${artifact.id}/old/`)).status).toBe(404);
  });

  it("of 20,000 files shows any of its pages, the last one too", async () => {
    const paths = Array.from(
      { length: 20_000 },
      (_, at) => `d${String(at % 200).padStart(3, "0")}/f${String(at).padStart(5, "0")}`,
    );
    const files = paths.map((path) => ({ path, bytes: CONTENTS[1] ?? Buffer.of() }));
    const everything = entriesOf(files);
    const { id } = await makeArtifact(service, home, "many", files);
    for (const page of [1, 2, 203, 404]) {
      const { listing } = await getJson(`/a/${id}/?page=${page}`);
      expect(listing).toMatchObject({ pages: 404, file_count: 20_000, total_bytes: 140_000 });
      expect(listing.entries.map(({ path }) => path)).toEqual(
        everything.slice((page - 1) * 50, page * 50),
      );
    }
    expect((await service.fetch(`/a/${id}/?page=405`)).status).toBe(404);
    const [folder] = await walkJson(`/a/${id}/d199/`);
    expect(folder).toMatchObject({ pages: 2, file_count: 100 });
  });
});

describe("names in a listing (T2)", () => {
  const names = [
    "two words",
    " outer spaces ",
    "100%",
    "%41%2F",
    "%2e%2e",
    "...",
    "~",
    "a#b",
    "a?b=c&d",
    "a+b;c,d:e@f=g",
    "[x]{y}|^`",
    'say "hi"',
    "it's (me)!*$",
    "&amp;",
    "<script>alert(1)<script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "Grüße",
    "e\u0301",
    "世界",
    "🎉",
    "x\u202Egpj.exe",
    "nbsp\u00A0and\u200Bzero",
    "x".repeat(255),
  ];
  const files = names.map((name, at) => ({
    path: `${name}/${name}`,
    bytes: Buffer.from(`content ${at}`),
  }));
  let root: string;

  beforeAll(async () => {
    root = `/a/${(await makeArtifact(service, home, "<b>names</b> \u202E", files)).id}/`;
  });

  it("lead to their folder and their file, whatever they are made of", async () => {
    const rows = (await walkPages(root)).flat();
    const expected = entriesOf(files);
    expect(rows.length).toBe(expected.length);
    for (const [at, path] of expected.entries()) {
      const reply = await rawRequest(service.origin, rows[at]?.href ?? "");
      expect([path, reply.status]).toEqual([path, 200]);
      const file = files.find((one) => one.path === path);
      if (file === undefined) {
        expect(reply.headers["content-type"]).toMatch(/^text\/html/u);
      } else {
        expect([path, reply.body.equals(file.bytes)]).toEqual([path, true]);
      }
    }
  });

  it("lead from a folder's page up to the whole and down to the file", async () => {
    for (const { path, bytes } of files) {
      const [folder = ""] = path.split("/");
      const { listing } = await getJson(`${root}${encodeURIComponent(folder)}/`);
      expect(listing.folder).toBe(`${folder}/`);
      expect(listing.entries.map((entry) => entry.path)).toEqual([path]);
      const url = listing.entries[0]?.url ?? "";
      expect((await rawRequest(service.origin, url)).body.equals(bytes)).toBe(true);
      const page = await getPage(`${root}${encodeURIComponent(folder)}/`);
      expect(page).toContain(`<a href="${root}">`);
      expect(rowsOf(page)).toMatchObject([{ href: url, size: bytes.length }]);
    }
  });

  it("never become a tag, an attribute or a turn of the text", async () => {
    const pages = [
      await getPage(root),
      await getPage(`${root}${encodeURIComponent(names[14] ?? "")}/`),
    ];
    for (const page of pages) {
      const tags = [...page.matchAll(/<([a-z0-9]+)/gu)].map(([, tag]) => tag);
      expect(tags).not.toEqual(expect.arrayContaining(["script"]));
      expect(tags.filter((tag) => tag === "img").length).toBe(1);
      expect(tags).not.toContain("b");
      expect(page).not.toMatch(/<[^>]* on[a-z]+=/u);
      expect(page).not.toMatch(/href="(?![/#])/u);
      expect(page).not.toMatch(/[\u202A-\u202E\u2066-\u2069\u200B]/u);
    }
    expect(pages[0]).toContain("[U+202E]");
    expect(pages[0]).toContain("&lt;script&gt;");
  });
});
