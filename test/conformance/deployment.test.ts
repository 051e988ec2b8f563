// What a deployment consists of: code that is needed, packages that are known, and no right but to its own stores
// (ASVS 13.2.1, 13.2.2, 13.3.1, 15.1.2, 15.2.3).
// SECURITY.md: T33.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { buildModules } from "../../scripts/build.mjs";

const ROOT = new URL("../..", import.meta.url).pathname;

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

describe("the bundle", () => {
  let folder: string;
  let sources: string[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "stowage-bundle-"));
    const built = await buildModules(join(ROOT, "wrangler.toml"), folder, "--metafile");
    if (built.modules === null) {
      throw new Error(built.output);
    }
    const { inputs } = JSON.parse(readFileSync(join(folder, "bundle-meta.json"), "utf8")) as {
      inputs: Record<string, unknown>;
    };
    sources = Object.keys(inputs);
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("holds src/ and the packages that docs/dependencies.md names, and no code of tests or tools", () => {
    expect(sources.length).toBeGreaterThan(200);
    const [known = ""] = read("docs/dependencies.md").split("Served to browsers");
    const packages = [...known.matchAll(/^\| ([\w@/-]+) \(/gmu)].map(([, name = ""]) => name);
    const prefixes = ["src/", ...packages.map((name) => `node_modules/${name}/`)];
    const strange = sources.filter((source) => !prefixes.some((one) => source.startsWith(one)));
    const unused = prefixes.filter((one) => !sources.some((source) => source.startsWith(one)));
    expect(strange).toEqual([]);
    expect(unused).toEqual([]);
  });
});

describe("the packages", () => {
  it("are each in the lock file by version and checksum, those that run by name", () => {
    const { packages } = JSON.parse(read("package-lock.json")) as {
      packages: Record<string, { version?: string; integrity?: string }>;
    };
    const entries = Object.entries(packages).filter(([path]) => path !== "");
    expect(entries.length).toBeGreaterThan(100);
    expect(
      entries.filter(
        ([, { version, integrity }]) =>
          version === undefined || !(integrity ?? "").startsWith("sha512-"),
      ),
    ).toEqual([]);
    const { dependencies } = JSON.parse(read("package.json")) as {
      dependencies: Record<string, string>;
    };
    const told = read("docs/dependencies.md");
    expect(Object.keys(dependencies).filter((name) => !told.includes(`| ${name} (`))).toEqual([]);
  });
});

describe("wrangler.toml", () => {
  const text = read("wrangler.toml");

  it("binds what is Stowage's own, and gives no right to anything else", () => {
    const tables = [...text.matchAll(/^\[+([\w.]+)\]+$/gmu)].map(([, name = ""]) => name);
    const counts = Object.fromEntries(
      [...new Set(tables)].map((name) => [name, tables.filter((one) => one === name).length]),
    );
    expect(counts).toEqual({
      assets: 1,
      d1_databases: 1,
      "durable_objects.bindings": 2,
      limits: 1,
      migrations: 2,
      observability: 1,
      r2_buckets: 1,
      ratelimits: 4,
      secrets: 1,
      triggers: 1,
      vars: 1,
    });
    expect(text).not.toMatch(/script_name|service =|account_id|dispatch|api_token/iu);
  });

  it("holds no secret: those come from Wrangler, or from a file that git leaves alone", () => {
    const [, vars = ""] = /^\[vars\]$(.*?)^\[/msu.exec(text) ?? [];
    const names = [...vars.matchAll(/^(\w+) =/gmu)].map(([, name = ""]) => name);
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => /KEY|SECRET|TOKEN|PASSWORD/u.test(name))).toEqual([]);
    expect(text).toContain('required = ["SYSTEM_KEY", "TOKEN_SECRET"]');
    expect(read(".gitignore").split("\n")).toContain(".dev.vars");
  });
});
