// Uppy's Dashboard in Debian's Chromium, unmodified, on a page of another origin (docs/clients.md): a folder of twenty files, answers that
// are lost, and a page that is loaded anew on the way.

import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startBrowser } from "../support/browser.ts";
import { makeFolder } from "../support/run-tool.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";
import { startFlakyProxy } from "./flaky-proxy.ts";

const { uppy } = JSON.parse(process.env["RESUMABLE_CLIENTS"] ?? "{}") as { uppy?: string | null };
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const BUNDLE = "build-7";

const FILES = new Map<string, Buffer>(
  Array.from({ length: 20 }, (_, n) => [
    n % 2 === 0 ? `folder/file ${n}` : `folder/below/${n}.txt`,
    randomBytes(n === 7 ? 9_000_000 : 200_000 + n),
  ]),
);

/** A page that keeps its files over a reload, and gives what became of the folder. */
const PAGE = (endpoint: string, bearer: string) => `<!doctype html>
<link rel="stylesheet" href="/uppy.min.css">
<div id="dashboard"></div>
<script type="module">
  import { Dashboard, GoldenRetriever, Tus, Uppy } from "/uppy.min.mjs";
  const headers = { Authorization: "Bearer ${bearer}" };
  const uppy = new Uppy({ id: "folder" });
  uppy.use(Dashboard, { inline: true, target: "#dashboard", fileManagerSelectionType: "both" });
  uppy.use(Tus, { endpoint: "${endpoint}/files/", headers, chunkSize: 512 * 1024, limit: 4 });
  uppy.use(GoldenRetriever);
  uppy.on("file-added", (file) => uppy.setFileMeta(file.id, { bundle: "${BUNDLE}" }));
  uppy.on("complete", async ({ successful, failed }) => {
    const files = successful.map(({ uploadURL }) => ({ upload: uploadURL }));
    const body = JSON.stringify({ files });
    const answer = await fetch("${endpoint}/bundles/${BUNDLE}", { method: "POST", headers, body });
    globalThis.made = { failed: failed.length, status: answer.status, ...(await answer.json()) };
  });
  globalThis.uppy = uppy;
</script>`;

interface Uppy {
  getState(): { totalProgress: number; files: Record<string, unknown> };
}

let service: RunningService;
let bearer: string;
let browser: Browser;
let folder: Awaited<ReturnType<typeof makeFolder>>;
let pages: Server;
let html = "";

const isHere = typeof uppy === "string" && existsSync(CHROMIUM);

beforeAll(async () => {
  if (!isHere) {
    return;
  }
  service = await startService();
  bearer = await service.makeWorkspace("ci");
  folder = await makeFolder();
  for (const [path, bytes] of FILES) {
    mkdirSync(dirname(join(folder.path, path)), { recursive: true });
    writeFileSync(join(folder.path, path), bytes);
  }
  pages = createServer(({ url = "" }, response) => {
    const types = { css: "text/css", mjs: "text/javascript" } as const;
    const [type = "text/html"] = Object.entries(types).flatMap(([end, name]) =>
      url.endsWith(end) ? name : [],
    );
    response.setHeader("Content-Type", type);
    response.end(type === "text/html" ? html : readFileSync(join(uppy, "dist", url)));
  });
  await new Promise<void>((resolve) => {
    pages.listen(0, "127.0.0.1", resolve);
  });
  browser = await startBrowser();
});

afterAll(async () => {
  if (isHere) {
    await browser.close();
    pages.close();
    await folder[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  }
});

/** Waits until more than a share of the bytes is sent, in percent. */
async function waitForProgress(page: Page, least: number): Promise<void> {
  await page.waitForFunction(
    (percent) => (globalThis as unknown as { uppy: Uppy }).uppy.getState().totalProgress > percent,
    least,
  );
}

function progressOf(page: Page): Promise<number> {
  return page.evaluate(
    () => (globalThis as unknown as { uppy: Uppy }).uppy.getState().totalProgress,
  );
}

describe.skipIf(!isHere)("Uppy 6 with its Dashboard on another origin", () => {
  it("uploads a folder through lost answers and a reload, and makes it one artifact", async () => {
    let patches = 0;
    await using proxy = await startFlakyProxy(service.origin, (method) => {
      patches += method === "PATCH" ? 1 : 0;
      return method === "PATCH" && patches % 9 === 4 ? { kind: "cut", after: 0 } : null;
    });
    html = PAGE(proxy.origin, bearer);
    const page = await browser.newPage();
    const { port } = pages.address() as AddressInfo;
    await page.goto(`http://localhost:${port}/`);
    const slow = await page.context().newCDPSession(page);
    const conditions = { offline: false, latency: 20, downloadThroughput: -1 };
    await slow.send("Network.emulateNetworkConditions", {
      ...conditions,
      uploadThroughput: 1_500_000,
    });
    const input = page.locator("input.uppy-Dashboard-input[webkitdirectory]");
    await input.setInputFiles(join(folder.path, "folder"));
    await page.getByRole("button", { name: "Upload 20 files" }).click();
    await waitForProgress(page, 40);
    expect(await progressOf(page)).toBeLessThan(90);
    await page.reload();
    await page.waitForFunction(
      (count) =>
        Object.keys((globalThis as unknown as { uppy: Uppy }).uppy.getState().files).length ===
        count,
      FILES.size,
    );
    await page.locator(".uppy-StatusBar-actionBtn--upload").click();
    const made = await page.waitForFunction(
      () => (globalThis as unknown as { made?: Record<string, unknown> }).made,
    );
    expect(await made.jsonValue()).toMatchObject({ failed: 0, status: 200, file_count: 20 });
    const { id } = (await made.jsonValue()) as unknown as { id: number };
    for (const [path, bytes] of FILES) {
      const answer = await service.fetch(`/a/${id}/${encodeURI(path)}`, { bearer });
      expect([path, Buffer.from(await answer.arrayBuffer()).equals(bytes)]).toEqual([path, true]);
    }
    const created = proxy.seen.filter(
      ({ method, path }) => method === "POST" && path === "/files/",
    );
    expect(created).toHaveLength(FILES.size);
    expect(patches).toBeGreaterThan(20);
  }, 180_000);
});
