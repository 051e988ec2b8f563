import { chromium } from "playwright-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";

import { buildDocument } from "../../src/openapi/document.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

let service: RunningService;
let page: Page;
/** What the browser refused, reported or asked others for; a violation of the CSP is a console error. */
const complaints: string[] = [];

beforeAll(async () => {
  service = await startService();
  await service.loginAsSystem();
  const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  page = await browser.newPage({ reducedMotion: "reduce" });
  page.on("console", (message) => {
    // The artifact that a test asks for is not there, which the browser reports as well.
    if (message.type() === "error" && !message.location().url.startsWith(`${service.origin}/a/`)) {
      complaints.push(message.text());
    }
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(service.origin) && !request.url().startsWith("data:")) {
      complaints.push(`Asked for ${request.url()}`);
    }
  });
  await page.goto(`${service.origin}/apidocs`);
  await page.locator(".opblock").first().waitFor();
});

afterAll(async () => {
  await page.context().browser()?.close();
  await service[Symbol.asyncDispose]();
});

/** Opens an operation of the page and makes its form ready. */
async function openOperation(id: string) {
  const operation = page.locator(`#operations-${id}`);
  await operation.locator(".opblock-summary-control").click();
  await operation.getByRole("button", { name: "Try it out" }).click();
  return operation;
}

it("/apidocs/ shows every operation", async () => {
  const shown = await page.locator(".opblock-summary-path").allTextContents();
  const wanted = Object.entries(buildDocument().paths).flatMap(([path, operations]) =>
    Object.keys(operations).map(() => path),
  );
  const breakPoint = "\u200B"; // after each slash, for narrow screens
  const paths = shown.map((path) => path.replaceAll(breakPoint, ""));
  expect(paths.toSorted()).toEqual(wanted.toSorted());
});

it("/apidocs/ tries an operation and shows its answer", async () => {
  const operation = await openOperation("Start-GET");
  await operation.getByRole("button", { name: "Execute" }).click();
  const answer = operation.locator(".live-responses-table .response");
  expect(await answer.textContent()).toContain("blob-search-by-hash");
});

it("/apidocs/ leaves the slashes of a path as they are", async () => {
  const operation = await openOperation("Browsing-GET_a_id_path");
  await operation.getByPlaceholder("id", { exact: true }).fill("7");
  await operation.getByPlaceholder("path", { exact: true }).fill("doc/a b.txt");
  const asked = page.waitForRequest((request) => request.url().includes("/a/7/"));
  await operation.getByRole("button", { name: "Execute" }).click();
  expect((await asked).url()).toBe(`${service.origin}/a/7/doc/a%20b.txt`);
  await operation.locator(".live-responses-table").waitFor();
});

it("/apidocs/ works without a complaint of the browser and asks nobody else", () => {
  expect(complaints).toEqual([]);
});
