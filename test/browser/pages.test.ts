// The pages in a real browser: people find their way, nothing that was uploaded runs, and nobody is shut out.

import { readFileSync } from "node:fs";

import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { startBrowser } from "../support/browser.ts";
import { makeArtifact } from "../support/make-artifact.ts";
import { makeUserToken } from "../support/make-token.ts";
import { startService } from "../support/service.ts";

/** WCAG 2.2 AA, and what axe takes for good practice beyond it. */
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const LOG = "== build\n<b>not bold</b> & more\nok\n";
const SCRIPT = "document.title = 'it ran'; document.documentElement.dataset.ran = 'yes'";

let service: Awaited<ReturnType<typeof startService>>;
let browser: Browser;
let root: string;
/** The same in a private workspace. */
let secretRoot: string;

beforeAll(async () => {
  service = await startService();
  const bearer = await service.makeWorkspace("builds", { public: true });
  const text = Buffer.from(LOG);
  const logs = Array.from({ length: 120 }, (_, at) => ({
    path: `logs/${String(at).padStart(3, "0")}.log`,
    bytes: text,
  }));
  const vault = { workspace: "vault", bearer: await service.makeWorkspace("vault") };
  const secret = await makeArtifact(service, vault, "nightly", logs);
  secretRoot = `${service.origin}/a/${secret.id}/`;
  await makeUserToken(service, "ada", { vault: "viewer" });
  const artifact = await makeArtifact(service, { workspace: "builds", bearer }, "nightly", [
    ...logs,
    { path: "run.sh", bytes: Buffer.from("#!/bin/sh\n# Runs it\nif true; then echo 'ok' 1; fi\n") },
    { path: "page.html", bytes: Buffer.from(`<!doctype html><script>${SCRIPT}</script>`) },
    {
      path: "image.svg",
      bytes: Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg"><script>${SCRIPT}</script></svg>`,
      ),
    },
    { path: `"><img src=x onerror="${SCRIPT}"> 100% #1?.txt`, bytes: text },
    { path: "x\u202Egpj.txt", bytes: text },
    { path: "z/y", bytes: text },
  ]);
  root = `${service.origin}/a/${artifact.id}/`;
  browser = await startBrowser();
});

afterAll(async () => {
  await browser.close();
  await service[Symbol.asyncDispose]();
});

async function withPage<T>(use: (page: Page) => Promise<T>): Promise<T> {
  const context = await browser.newContext({ acceptDownloads: true });
  try {
    return await use(await context.newPage());
  } finally {
    await context.close();
  }
}

describe("somebody who looks for a file", () => {
  it("logs in on the way, finds page 2 of 120 files, downloads one and reads it, and logs out", async () => {
    await withPage(async (page) => {
      await page.goto(secretRoot);
      expect(new URL(page.url()).pathname).toBe("/login");
      await page.getByLabel("Name").fill("ada");
      await page.getByLabel("Password").fill("password of ada");
      await page.getByRole("button", { name: "Log in" }).click();
      expect(page.url()).toBe(secretRoot);

      await page.getByRole("link", { name: "Stowage", exact: true }).click();
      await page.getByRole("link", { name: "vault" }).click();
      await page.getByLabel("Name begins with").fill("NIGHT");
      await page.keyboard.press("Enter");
      await page.getByRole("link", { name: "nightly" }).click();
      await page.getByRole("link", { name: "Next" }).click();
      expect(new URL(page.url()).search).toBe("?page=2");
      expect(await page.getByRole("row").count()).toBe(51);

      await page.getByRole("link", { name: "View logs/050.log" }).click();
      await page.locator(".code code").first().waitFor();
      expect(await page.locator(".code code").allInnerTexts()).toEqual(LOG.trim().split("\n"));
      await page.getByRole("link", { name: "Line 2" }).click();
      expect(new URL(page.url()).hash).toBe("#L2");
      const whole = page.waitForEvent("download");
      await page.getByRole("link", { name: "Download" }).click();
      expect(readFileSync(await (await whole).path(), "utf8")).toBe(LOG);
      await page.getByRole("link", { name: "logs", exact: true }).click();
      expect(page.url()).toBe(`${secretRoot}logs/`);

      await page.getByRole("button", { name: "Log out" }).click();
      await page.goto(secretRoot);
      expect(new URL(page.url()).pathname).toBe("/login");
    });
  });

  it("reaches the content first by keyboard", async () => {
    await withPage(async (page) => {
      await page.goto(root);
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await page.keyboard.press("Tab");
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("builds");
    });
  });
});

describe("what was uploaded", () => {
  it("does not run: neither as a page, nor as an image, nor by its name", async () => {
    await withPage(async (page) => {
      await page.goto(`${root}?page=3`);
      for (const path of ["page.html?view", "image.svg?view", "", "?page=3"]) {
        await page.goto(root + path);
        expect(await page.evaluate(() => document.documentElement.dataset["ran"])).toBeUndefined();
        expect(await page.title()).not.toBe("it ran");
      }
      for (const path of ["page.html", "image.svg"]) {
        const download = page.waitForEvent("download");
        // A navigation that becomes a download ends with an error.
        await page.goto(root + path).catch(() => null);
        expect((await download).suggestedFilename()).toBe(path);
      }
    });
  });

  it("does not run inside a frame, an object or as a script of a page of ours either", async () => {
    await withPage(async (page) => {
      await page.goto(root);
      await page.evaluate((url) => {
        const refused: string[] = [];
        document.addEventListener("securitypolicyviolation", (event) => {
          refused.push(event.effectiveDirective);
          document.documentElement.dataset["refused"] = refused.toSorted().join(" ");
        });
        for (const [tag, attribute] of [
          ["iframe", "src"],
          ["object", "data"],
          ["script", "src"],
        ] as const) {
          const element = document.createElement(tag);
          element.setAttribute(attribute, url);
          document.body.append(element);
        }
      }, `${root}page.html`);
      const all = "frame-src object-src script-src-elem";
      await page.locator(`html[data-refused="${all}"]`).waitFor({ state: "attached" });
      expect(await page.title()).not.toBe("it ran");
    });
  });
});

describe("every page", () => {
  it("has nothing that axe finds fault with, in light and in dark", async () => {
    const context = await browser.newContext({ colorScheme: "light" });
    const page = await context.newPage();
    const places = [
      service.origin,
      `${service.origin}/w/builds/?name=nightly`,
      `${service.origin}/w/builds/?name=none`,
      `${root}?page=3&version=1`,
      `${root}run.sh?view`,
      `${root}nothing`,
      secretRoot, // the login page
    ];
    for (const place of places) {
      await page.emulateMedia({ colorScheme: "light" });
      await page.goto(place);
      const light = await new AxeBuilder({ page }).withTags(RULES).analyze();
      await page.emulateMedia({ colorScheme: "dark" });
      // Nothing but colours differs in the dark.
      const dark = await new AxeBuilder({ page }).withRules(["color-contrast"]).analyze();
      const violations = [...light.violations, ...dark.violations];
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
      expect([place, ...found]).toEqual([place]);
    }
    await context.close();
  });

  it("fits a phone without scrolling sideways", async () => {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    const page = await context.newPage();
    for (const place of [
      service.origin,
      `${service.origin}/w/builds/`,
      root,
      `${root}run.sh?view`,
    ]) {
      await page.goto(place);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      expect([place, width]).toEqual([place, 390]);
    }
    await context.close();
  });
});
