import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { FolderPage, type FolderPageProps } from "../../../src/pages/folder-page.tsx";
import { renderPage } from "../../../src/pages/layout.tsx";
import type { FolderEntry } from "../../../src/pages/listing.tsx";
import { parsePage, structureOf } from "./parse-page.ts";

const HOSTILE_CHARACTERS = "<>\"'&/!-=a \u0000\u202e\ud800é".split("");
const SHA256 = "0123456789abcdef".repeat(4);
const SHA512 = "fedcba9876543210".repeat(8);

function file(path: string, size = 1536): FolderEntry {
  return {
    kind: "file",
    path,
    size,
    sha256: SHA256,
    sha512: SHA512,
    isExecutable: false,
    modifiedAt: null,
  };
}

function folder(path: string): FolderEntry {
  return { kind: "folder", path, fileCount: 3, totalBytes: 2048 };
}

function render(given: Partial<FolderPageProps> = {}): string {
  const props: FolderPageProps = {
    artifact: {
      id: 7,
      uuid: "3f1c0a3e-6d5b-4a53-9c58-0d6f2b7e9a11",
      name: "disk",
      workspace: "ci",
      listed: true,
      createdAt: Date.UTC(2026, 10, 1, 12),
    },
    versions: [],
    version: { index: 2, createdAt: Date.UTC(2026, 10, 3, 14, 5), pinned: false, newest: 3 },
    folder: "",
    fileCount: 1,
    totalBytes: 1536,
    missingCount: 0,
    leftOut: { count: 0, named: [] },
    entries: [file("readme.txt")],
    page: 1,
    pages: 1,
    ...given,
  };
  return renderPage(<FolderPage {...props} />);
}

function renderAll(name: string): string {
  return render({
    artifact: { id: 7, uuid: name, name, workspace: name, listed: true, createdAt: 0 },
    folder: `${name}/`,
    entries: [folder(`${name}/${name}/`), file(`${name}/${name}`)],
  });
}

async function linksOf(html: string): Promise<Map<string, string>> {
  const elements = await parsePage(html);
  const anchors = elements.filter(({ tag }) => tag === "a");
  return new Map(anchors.map(({ text, attributes }) => [text, attributes["href"] ?? ""]));
}

async function textsOf(html: string, wanted: string): Promise<string[]> {
  const elements = await parsePage(html);
  return elements.filter(({ tag }) => tag === wanted).map(({ text }) => text);
}

describe("FolderPage", () => {
  it("is a whole document", async () => {
    const html = render();
    expect(html).toMatch(/^<!doctype html><html lang="en"><head><meta charset="utf-8"/);
    expect(await textsOf(html, "title")).toEqual(["disk – Stowage"]);
  });

  it("names entries by their path below the folder and links them by their whole path", async () => {
    const entries = [folder("doc/sub/"), file("doc/sub/a.txt"), file("doc/z.txt")];
    const links = await linksOf(render({ folder: "doc/", entries }));
    expect(links.get("sub/")).toBe("/a/7/doc/sub/");
    expect(links.get("sub/a.txt")).toBe("/a/7/doc/sub/a.txt");
    expect(links.get("z.txt")).toBe("/a/7/doc/z.txt");
  });

  it("keeps the order of the entries", async () => {
    const entries = [folder("b/"), file("b/1"), file("b/2"), file("c")];
    const rows = await textsOf(render({ entries }), "th");
    expect(rows.slice(4)).toEqual(["b/", "b/1", "b/2", "c"]);
  });

  it("gives each file its size, exact too, and both checksums whole", async () => {
    const elements = await parsePage(render());
    const size = elements.find(({ tag }) => tag === "data");
    expect(size).toMatchObject({ text: "1.5 KiB", attributes: { value: "1536" } });
    const exact = elements.find(({ attributes }) => attributes["class"] === "exact");
    expect(exact?.text).toBe("1,536 bytes");
    const digests = elements.filter(({ attributes }) => attributes["class"] === "digest");
    expect(digests.map(({ text }) => text)).toEqual([SHA256, SHA512]);
  });

  it("gives each folder its size and number of files", async () => {
    const cells = await textsOf(render({ entries: [folder("doc/")] }), "td");
    expect(cells).toEqual(["2 KiB 2,048 bytes", "3 files"]);
  });

  it("gives times in UTC, for people and for machines", async () => {
    const elements = await parsePage(render());
    expect(elements.find(({ tag }) => tag === "time")).toMatchObject({
      text: "2026-11-03 14:05 UTC",
      attributes: { datetime: "2026-11-03T14:05:00.000Z" },
    });
  });

  it("leads from a folder to each one above it", async () => {
    const links = await linksOf(render({ folder: "doc/sub/", entries: [file("doc/sub/a")] }));
    expect(links.get("disk")).toBe("/a/7/");
    expect(links.get("doc")).toBe("/a/7/doc/");
    expect(links.has("sub")).toBe(false);
  });

  it("shows an artifact's name with its slashes", async () => {
    const artifact = {
      id: 7,
      uuid: "u",
      name: "sf://upload/ci/",
      workspace: "ci",
      listed: true,
      createdAt: 0,
    };
    expect(await textsOf(render({ artifact }), "h1")).toEqual(["sf://upload/ci/"]);
  });

  it.each(["tar.gz", "tar", "zip"])("offers the folder as %s", async (archive) => {
    const links = await linksOf(render({ folder: "doc/", entries: [file("doc/a")] }));
    expect(links.get(`Download this folder as ${archive}`)).toBe(`/a/7/doc/?archive=${archive}`);
  });

  it("says so when the folder is empty, and offers no archive", async () => {
    const html = render({ entries: [], fileCount: 0, totalBytes: 0 });
    expect(html).toContain("Nothing is stored here");
    expect(await textsOf(html, "table")).toEqual([]);
    expect([...(await linksOf(html)).values()].join(" ")).not.toContain("archive");
  });

  it("names a file that is not uploaded yet without a link, and offers no archive", async () => {
    const entries: FolderEntry[] = [file("a"), { kind: "missing", path: "b", size: 5 }];
    const html = render({ entries, fileCount: 2, missingCount: 1 });
    const links = await linksOf(html);
    expect(links.has("a")).toBe(true);
    expect(links.has("b")).toBe(false);
    expect(await textsOf(html, "td")).toContain("Not uploaded yet");
    expect([...links.values()].join(" ")).not.toContain("archive");
  });
});

describe("FolderPage's version", () => {
  const version = { index: 2, createdAt: 0, pinned: true, newest: 3 };
  const entries = [folder("doc/sub/"), file("doc/sub/a")];

  it("is kept in every link into the artifact when it was asked for", async () => {
    const html = render({ version, folder: "doc/", entries, page: 2, pages: 4 });
    const links = await linksOf(html);
    expect(links.get("Go to the newest")).toBe("/a/7/");
    links.delete("Go to the newest");
    const inside = [...links.values()].filter((href) => href.startsWith("/a/"));
    expect(inside.toSorted()).toEqual([
      "/a/7/?version=2",
      "/a/7/doc/?version=2",
      "/a/7/doc/?version=2",
      "/a/7/doc/?version=2&archive=tar",
      "/a/7/doc/?version=2&archive=tar.gz",
      "/a/7/doc/?version=2&archive=zip",
      "/a/7/doc/?version=2&checksums=sha256",
      "/a/7/doc/?version=2&checksums=sha512",
      "/a/7/doc/?version=2&page=3",
      "/a/7/doc/?version=2&page=4",
      "/a/7/doc/sub/?version=2",
      "/a/7/doc/sub/a?version=2",
    ]);
  });

  it("is in the permanent link alone when it was not asked for", async () => {
    const html = render({ folder: "doc/", entries, page: 2, pages: 4 });
    const links = await linksOf(html);
    expect(links.get("Permanent link")).toBe("/a/7/doc/?version=2");
    links.delete("Permanent link");
    expect([...links.values()].join(" ")).not.toContain("version=");
  });
});

describe("FolderPage's pager", () => {
  it.each([
    [1, { Next: "/a/7/doc/?page=2", Last: "/a/7/doc/?page=4" }],
    [
      2,
      {
        First: "/a/7/doc/",
        Previous: "/a/7/doc/",
        Next: "/a/7/doc/?page=3",
        Last: "/a/7/doc/?page=4",
      },
    ],
    [4, { First: "/a/7/doc/", Previous: "/a/7/doc/?page=3" }],
  ])("on page %d of 4 links %j", async (page, expected) => {
    const html = render({ folder: "doc/", entries: [file("doc/a")], page, pages: 4 });
    const links = await linksOf(html);
    const labels = ["First", "Previous", "Next", "Last"].filter((label) => links.has(label));
    expect(Object.fromEntries(labels.map((label) => [label, links.get(label)]))).toEqual(expected);
    expect(await textsOf(html, "li")).toContain(`${page} of 4`);
  });

  it("is left out when there is one page", async () => {
    expect(await textsOf(render({ pages: 1 }), "nav")).toHaveLength(1);
  });
});

describe("FolderPage's names", () => {
  it("link a file with spaces, percent, hash, question mark and quotes", async () => {
    const name = `a b%c#d?e"f'.txt`;
    const links = await linksOf(render({ entries: [file(name)] }));
    expect(links.get(name)).toBe("/a/7/a%20b%25c%23d%3Fe%22f%27.txt");
  });

  it.each([
    "<script>alert(1)<",
    `"><img src=x onerror=alert(1)>`,
    `' onmouseover='alert(1)`,
    "<!--",
    "]]><svg onload=alert(1)>",
    "&lt;b&gt;&amp;",
    "javascript:alert(1)",
    "\u2028<b>\u2029",
    "x".repeat(1000),
  ])("are text, not markup, when one is %j", async (name) => {
    expect(await structureOf(renderAll(name))).toEqual(await structureOf(renderAll("plain")));
    const hrefs = [...(await linksOf(renderAll(name))).values()];
    expect(hrefs.every((href) => /^(?:\/|#main$)/.test(href))).toBe(true);
  });

  it("are text whatever they are", async () => {
    const expected = await structureOf(render({ entries: [file("plain")] }));
    const name = fc.string({ unit: fc.constantFrom(...HOSTILE_CHARACTERS) });
    await fc.assert(
      fc.asyncProperty(name, async (text) => {
        const path = `a${text.replaceAll("/", "")}`;
        expect(await structureOf(render({ entries: [file(path)] }))).toEqual(expected);
      }),
    );
  });

  it("are isolated, and show the characters that would turn them around", async () => {
    const html = render({ entries: [file("invoice\u202efdp.exe")] });
    expect(await textsOf(html, "bdi")).toContain("invoice[U+202E]fdp.exe");
    expect(html).not.toContain("\u202e");
  });
});
