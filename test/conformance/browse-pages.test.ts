// The pages around the listings of /a/: workspaces, the view of a file, lists of checksums.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { addVersion, hexDigest, inByteOrder, makeArtifact } from "../support/make-artifact.ts";
import type { Home, MadeArtifact } from "../support/make-artifact.ts";
import { makeUserToken, makeWorkerToken } from "../support/make-token.ts";
import { startService } from "../support/service.ts";

interface JsonArtifact {
  id: number;
  name: string;
  [key: string]: unknown;
}

const MiB = 1024 * 1024;
const HTML = { Accept: "text/html" };
const JSON_FORM = { Accept: "application/json" };

let service: Awaited<ReturnType<typeof startService>>;
let home: Home;
let artifact: MadeArtifact;
let credentials: Record<string, Record<string, string>>;

const FILES = [
  { path: "doc/read me.md", bytes: Buffer.from("# Title\n") },
  { path: "doc/sub/ключ #1?.txt", bytes: Buffer.from("key\n") },
  { path: "page.html", bytes: Buffer.from("<h1>Hi</h1>\n<script>alert('1')</script>\n") },
  { path: "empty.txt", bytes: Buffer.of() },
  { path: "pixel.png", bytes: Buffer.from("not really") },
  { path: "tool.bin", bytes: Buffer.from([0, 1, 2]) },
  { path: "binary.txt", bytes: Buffer.from("a\u0000b") },
  { path: "bidi.c", bytes: Buffer.from('int x; /* \u202E */\r\n\u001B[31mreturn "a<b";\u001B[0m') },
];

beforeAll(async () => {
  service = await startService();
  const hidden = await service.makeWorkspace("hidden");
  home = { workspace: "open", bearer: await service.makeWorkspace("open", { public: true }) };
  artifact = await makeArtifact(service, home, "release", FILES);
  const trusted = await service.makeWorkspace("trusted");
  await service.json(
    "POST",
    "/auth/namespaces/hidden/trust",
    { external_namespace: "trusted" },
    hidden,
  );
  credentials = {
    nobody: {},
    worker: { Token: (await makeWorkerToken(service)).token },
    viewer: { Token: (await makeUserToken(service, "vera", { hidden: "viewer" })).token },
    stranger: { Token: (await makeUserToken(service, "stan")).token },
    unknown: { Token: "f".repeat(64) },
    key: { Authorization: `Bearer ${hidden}` },
    trustedKey: { Authorization: `Bearer ${trusted}` },
    otherKey: { Authorization: `Bearer ${home.bearer}` },
    systemKey: { Authorization: `Bearer ${await service.loginAsSystem()}` },
  };
});

afterAll(() => service[Symbol.asyncDispose]());

function get(path: string, headers: HeadersInit = HTML): Promise<Response> {
  return service.fetch(path, { headers });
}

async function getText(path: string, headers: HeadersInit = HTML): Promise<string> {
  const reply = await get(path, headers);
  expect([path, reply.status]).toEqual([path, 200]);
  return reply.text();
}

async function list(path: string): Promise<{ artifacts: JsonArtifact[]; links: string }> {
  const reply = await get(path, JSON_FORM);
  expect([path, reply.status]).toEqual([path, 200]);
  const { artifacts } = (await reply.json()) as { artifacts: JsonArtifact[] };
  return { artifacts, links: reply.headers.get("Link") ?? "" };
}

function linkIn(links: string, rel: "next" | "prev"): string | null {
  return new RegExp(`<([^>]*)>; rel="${rel}"`, "u").exec(links)?.[1] ?? null;
}

describe("who may read under /w/", () => {
  it.each([
    ["a worker's token", "worker", 200, 404],
    ["a member's token", "viewer", 200, 403],
    ["the workspace's own key", "key", 200, 403],
    ["the key of a workspace that it trusts", "trustedKey", 200, 403],
    ["the system's key", "systemKey", 200, 404],
    ["the token of a user who is no member", "stranger", 403, 403],
    ["the key of another workspace", "otherKey", 403, 403],
    ["no credentials", "nobody", 307, 307],
    ["an unknown token", "unknown", 401, 401],
  ])("answers %s on a private workspace, and on none", async (_, who, status, unknown) => {
    const statuses = await Promise.all(
      ["/w/hidden/", "/w/nothing/", "/w/open/"].map(async (path) => {
        const reply = await get(path, { ...HTML, ...credentials[who] });
        await reply.body?.cancel();
        return reply.status;
      }),
    );
    expect(statuses).toEqual([status, unknown, 200]);
  });

  it("gives those who may not read the same answer whether there is a workspace or not", async () => {
    for (const who of ["nobody", "stranger", "unknown"]) {
      const [one, other] = await Promise.all(
        ["hidden", "absent"].map(async (name) => {
          const reply = await get(`/w/${name}/?name=x`, { ...HTML, ...credentials[who] });
          const headers = Object.fromEntries(reply.headers);
          const id = headers["x-request-id"] ?? "";
          const text = JSON.stringify([reply.status, headers, await reply.text()]);
          return text.replaceAll(id, "").replaceAll(name, "");
        }),
      );
      expect(one).toBe(other);
    }
  });

  it("leads nobody to the login page with the path and query", async () => {
    const reply = await get("/w/hidden/?name=a%26b");
    expect(reply.headers.get("Location")).toBe("/login?next=%2Fw%2Fhidden%2F%3Fname%3Da%2526b");
  });

  it("leads from the form without the slash to the one with it", async () => {
    const reply = await get("/w/open?name=a");
    expect([reply.status, reply.headers.get("Location")]).toEqual([301, "/w/open/?name=a"]);
  });
});

describe("GET /w/:workspace/", () => {
  const names = Array.from({ length: 120 }, (_, at) => `${at % 2 ? "Image" : "image"}-${at}`);

  beforeAll(async () => {
    const bearer = await service.makeWorkspace("many", { public: true });
    await makeArtifact(service, { workspace: "many", bearer }, "100%_sure", FILES.slice(0, 2));
    // More than a page share one name, so that pages begin and end among equal names.
    const rows = [...names, ...Array.from({ length: 70 }, () => "same"), "100xxsure", "zebra"];
    await service.env.DB.prepare(
      `INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, max_versions, created_at, expires_at)
       SELECT lower(printf('%s-%s-%s-%s-%s', hex(randomblob(4)), hex(randomblob(2)), hex(randomblob(2)),
         hex(randomblob(2)), hex(randomblob(6)))), w.id, 'other', 's' || r.key, r.value, 0, 1000,
         CASE WHEN r.value = 'zebra' THEN 1e15 END
       FROM json_each(?1) r, workspaces w WHERE w.name = 'many'`,
    )
      .bind(JSON.stringify(rows))
      .run();
  });

  async function walk(first: string, rel: "next" | "prev"): Promise<string[][]> {
    const pages: string[][] = [];
    for (let path: string | null = first; path !== null;) {
      const { artifacts, links } = await list(path);
      pages.push(artifacts.map(({ name, id }) => `${name} ${id}`));
      path = linkIn(links, rel);
    }
    return pages;
  }

  it("lists every artifact once, 50 a page, in order of name, there and back", async () => {
    const pages = await walk("/w/many/", "next");
    expect(pages.map(({ length }) => length)).toEqual([50, 50, 50, 45]);
    expect(new Set(pages.flat()).size).toBe(195);
    const folded = pages.flat().map((line) => line.split(" ")[0]?.toLowerCase() ?? "");
    expect(folded).toEqual(inByteOrder(folded));
    const lastId = pages[3]?.[0]?.split(" ")[1];
    const back = await walk(`/w/many/?before=${lastId}`, "prev");
    expect(back.toReversed()).toEqual(pages.slice(0, 3));
  });

  it("finds names by how they begin, whatever the case, and takes % and _ as they are", async () => {
    const found = async (name: string) =>
      (await list(`/w/many/?name=${encodeURIComponent(name)}`)).artifacts.map((one) => one.name);
    expect(await found("ZEB")).toEqual(["zebra"]);
    expect(await found("100%_")).toEqual(["100%_sure"]);
    expect(await found("100%")).toEqual(["100%_sure"]);
    expect(await found("%")).toEqual([]);
    expect(await found("'\"--")).toEqual([]);
    expect((await list("/w/many/?name=%ED%A0%80")).artifacts).toEqual([]);
    expect((await found("IMAGE-11")).toSorted()).toEqual(
      names.filter((name) => /-11/u.test(name)).toSorted(),
    );
    const pages = await walk("/w/many/?name=same", "next");
    expect(pages.map(({ length }) => length)).toEqual([50, 20]);
  });

  it("tells of an artifact its category, size, versions and times", async () => {
    const { artifacts } = await list("/w/many/?name=100");
    expect(artifacts).toMatchObject([
      {
        name: "100%_sure",
        category: "other",
        version: 1,
        versions: 1,
        file_count: 2,
        total_bytes: 12,
      },
      { name: "100xxsure", version: null, versions: 0, created_at: "1970-01-01T00:00:01.000Z" },
    ]);
    const [zebra] = (await list("/w/many/?name=zebra")).artifacts;
    expect(zebra?.["expires_at"]).toBe("+033658-09-27T01:46:40.000Z");
    const page = await getText("/w/many/?name=100");
    expect(page).toContain('href="/a/');
    expect(page).toContain("100%_sure");
  });

  it("leaves out what is deleted or expired", async () => {
    service.tampered?.add("sweep_behind");
    await service.env.DB.prepare(
      `INSERT INTO artifacts (uuid, workspace_id, type, source_url, name, max_versions, created_at, expires_at, deleted_at)
       SELECT 'gone' || r.key, w.id, 'other', 'gone' || r.key, 'gone', 0, 1, r.value ->> 0, r.value ->> 1
       FROM json_each('[[1,null],[null,1]]') r, workspaces w WHERE w.name = 'many'`,
    ).run();
    expect((await list("/w/many/?name=gone")).artifacts).toEqual([]);
  });

  it.each(["after=x", "after=0", "after=999999999", "before=1&after=1", "after=1", "before=-1"])(
    "answers 400 to ?%s",
    async (query) => {
      expect((await get(`/w/many/?${query}`)).status).toBe(400);
    },
  );

  it("refuses a name to search for that no artifact can have", async () => {
    expect((await get(`/w/many/?name=${"x".repeat(1_001)}`)).status).toBe(400);
  });
});

describe("the start page", () => {
  it("lists public workspaces, page by page, and one's own", async () => {
    const names = Array.from({ length: 60 }, (_, at) => `public-${100 + at}`);
    await service.env.DB.prepare(
      `INSERT INTO workspaces (name, public, created_at) SELECT value, 1, 1 FROM json_each(?1)`,
    )
      .bind(JSON.stringify(names))
      .run();
    const first = await getText("/");
    expect(first).toContain('href="/w/public-100/"');
    expect(first).not.toContain("hidden");
    const next = /href="(\/\?after=[^"]*)"/u.exec(first)?.[1] ?? "";
    const second = await getText(next);
    const shown = [...(first + second).matchAll(/href="\/w\/(public-\d+)\/"/gu)];
    expect(shown.map(([, name]) => name)).toEqual(names);
    expect(await getText("/", { ...HTML, ...credentials["viewer"] })).toContain("/w/hidden/");
  });

  it("stays JSON without a look into the catalog for the probes of clients", async () => {
    const reply = await get("/?after=x", { Accept: "*/*" });
    expect(reply.headers.get("Content-Type")).toMatch(/^application\/json/u);
  });
});

describe("an address that does not exist", () => {
  it.each([
    ["text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=UTF-8"],
    ["*/*", "application/json"],
  ])("is a page to a browser and JSON to tools: %s", async (accept, type) => {
    const reply = await get("/nothing/here", { Accept: accept });
    expect([reply.status, reply.headers.get("Content-Type")]).toEqual([404, type]);
  });
});

describe("GET /a/:id/:path?view", () => {
  const view = (path: string, query = "") =>
    getText(`/a/${artifact.id}/${path.split("/").map(encodeURIComponent).join("/")}?view${query}`);

  it("shows a text's lines with anchors, as text, whatever is in them", async () => {
    const page = await view("page.html");
    expect(page).toContain('<div id="L2"><a href="#L2" aria-label="Line 2">2</a>');
    expect(page).not.toContain("<script");
    expect(page).toContain("&lt;");
    expect(page).not.toContain('id="L3"');
  });

  it("writes out what would hide, and leaves out a terminal's colours and carriage returns", async () => {
    const page = await view("bidi.c");
    expect(page).toContain("[U+202E]");
    for (const hidden of ["\u202E", "\r", "\u001B", "[31m"]) {
      expect(page).not.toContain(hidden);
    }
    expect(page).toContain('<span class="keyword">return</span>');
    expect(page).toContain("a&lt;b");
  });

  it("shows UTF-16 and Latin-1 as text, and serves them as what they are", async () => {
    const text = "h\u00E9llo\r\n";
    const swapped = Buffer.from(`\uFEFF${text}`, "utf16le").swap16();
    const { id } = await makeArtifact(service, home, "charsets", [
      { path: "little.log", bytes: Buffer.from(`\uFEFF${text}`, "utf16le") },
      { path: "big.log", bytes: swapped },
      { path: "old.log", bytes: Buffer.from(text, "latin1") },
      { path: "new.log", bytes: Buffer.from(text) },
    ]);
    const charsets = ["utf-16le", "utf-16be", "iso-8859-1", "utf-8"];
    for (const [at, path] of ["little.log", "big.log", "old.log", "new.log"].entries()) {
      const page = await getText(`/a/${id}/${path}?view`);
      expect([path, page.includes("h\u00E9llo")]).toEqual([path, true]);
      const { headers } = await get(`/a/${id}/${path}`);
      expect(headers.get("Content-Type")).toBe(`text/plain; charset=${charsets[at]}`);
    }
  });

  it("shows images, says that a file is empty, and offers all else for download", async () => {
    expect(await view("pixel.png")).toContain(`<img src="/a/${artifact.id}/pixel.png"`);
    expect(await view("empty.txt")).toContain("This file is empty");
    for (const path of ["tool.bin", "binary.txt"]) {
      const page = await view(path);
      expect(page).toContain("not shown here");
      expect(page).toContain(`href="/a/${artifact.id}/${path}?download"`);
    }
  });

  it("keeps the version in its links, and gives both checksums whole", async () => {
    const page = await view("doc/read me.md", "&version=1");
    expect(page).toContain(`href="/a/${artifact.id}/doc/?version=1"`);
    expect(page).toContain(`href="/a/${artifact.id}/doc/read%20me.md?version=1&amp;download"`);
    expect(page).toContain(hexDigest("sha512", FILES[0]?.bytes ?? Buffer.of()));
  });

  it("shows the first 2 MiB of more, and 50,000 lines of more, and says so", async () => {
    const long = Buffer.from(`${"x".repeat(999)}\n`.repeat((2 * MiB) / 1000 + 2));
    const lines = Buffer.from("\n".repeat(50_001));
    const { id } = await makeArtifact(service, home, "large", [
      { path: "long.txt", bytes: long },
      { path: "lines.txt", bytes: lines },
    ]);
    const page = await getText(`/a/${id}/long.txt?view`);
    expect([...page.matchAll(/x{999}/gu)].length).toBe(Math.floor((2 * MiB) / 1000));
    expect(page).toContain("Download the file to see all of it");
    const many = await getText(`/a/${id}/lines.txt?view`);
    expect(many).toContain('id="L50000"');
    expect(many).not.toContain('id="L50001"');
    expect(many).toContain("The first 50,000 lines");
  });

  it("is a page under the policy of pages, which lets nothing run and nobody frame it", async () => {
    const { headers } = await get(`/a/${artifact.id}/page.html?view`);
    const policy = headers.get("Content-Security-Policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("script-src");
  });

  it("is linked from the listing where there is something to see", async () => {
    const page = await getText(`/a/${artifact.id}/`);
    expect(page).toContain(`href="/a/${artifact.id}/page.html?view"`);
    expect(page).not.toContain("tool.bin?view");
  });
});

describe("GET /a/:id/:folder/?checksums=", () => {
  it.each(["sha256", "sha512"] as const)("is a file that %ssum -c reads", async (name) => {
    const reply = await get(`/a/${artifact.id}/?checksums=${name}`);
    expect(reply.headers.get("Content-Type")).toBe("text/plain; charset=utf-8");
    expect(reply.headers.get("Content-Disposition")).toContain(`${name.toUpperCase()}SUMS`);
    const lines = inByteOrder(FILES.map(({ path }) => path)).map((path) => {
      const bytes = FILES.find((file) => file.path === path)?.bytes ?? Buffer.of();
      return `${hexDigest(name, bytes)}  ${path}\n`;
    });
    expect(await reply.text()).toBe(lines.join(""));
    const folder = mkdtempSync(join(tmpdir(), "stowage-sums-"));
    const url = `${service.origin}/a/${artifact.id}/doc/`;
    const check = `curl -sf '${url}?archive=tar.gz' | tar xz && curl -sf '${url}?checksums=${name}' | ${name}sum -c --strict`;
    const { stdout } = await promisify(execFile)("sh", ["-c", check], { cwd: folder });
    rmSync(folder, { recursive: true });
    expect(stdout.match(/: OK$/gmu)?.length).toBe(2);
  });

  it("lists a folder of more files than one statement reads", async () => {
    const bytes = Buffer.from("same");
    const files = Array.from({ length: 1_200 }, (_, at) => ({ path: `f/${at}`, bytes }));
    const { id } = await makeArtifact(service, home, "sums", files);
    const text = await getText(`/a/${id}/f/?checksums=sha256`);
    expect(text.trimEnd().split("\n").length).toBe(1_200);
  });

  it.each(["", "md5", "SHA256"])("answers 400 to '%s'", async (name) => {
    expect((await get(`/a/${artifact.id}/?checksums=${name}`)).status).toBe(400);
  });
});

describe("the version switcher", () => {
  it("leads to the same folder of other versions, or to the nearest above it that they have", async () => {
    const made = await makeArtifact(service, home, "switch", FILES.slice(3, 4));
    await addVersion(service, home, made, FILES.slice(0, 1));
    const other = `/a/${made.id}/doc/?version=1`;
    expect(await getText(`/a/${made.id}/doc/`)).toContain(`href="${other}&amp;nearest"`);
    const moved = await get(`${other}&nearest`);
    expect([moved.status, moved.headers.get("location")]).toEqual([
      307,
      `/a/${made.id}/?version=1`,
    ]);
    expect((await get(other)).status).toBe(404);
    expect((await get(`/a/${made.id}/doc/?version=2&nearest`)).status).toBe(200);
    const whole = await getText(`/a/${made.id}/?version=1`);
    expect(whole).toContain(`href="/a/${made.id}/?version=2"`);
    expect(await getText(`/a/${artifact.id}/`)).not.toContain("Other versions");
  });
});
