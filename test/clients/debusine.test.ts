// The public Debusine client, unmodified, in each version that scripts/debusine-clients.mjs could install, against a
// real service.

import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { DebusineClient } from "../support/debusine-client.ts";
import { hexDigest } from "../support/make-artifact.ts";
import { makeUserToken } from "../support/make-token.ts";
import { makeFolder, runTool } from "../support/run-tool.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";
import { startFlakyProxy } from "./flaky-proxy.ts";
import type { Plan } from "./flaky-proxy.ts";

interface Installed {
  version: string;
  python: string;
  path: string;
}

const MiB = 1024 * 1024;
const CLIENTS = JSON.parse(process.env["DEBUSINE_CLIENTS"] ?? "[]") as Installed[];
const LIBRARY = join(import.meta.dirname, "debusine-library.py");
const DEMO = { workspace: "demo" };
const PATHS = ["disk.img", "doc/index.html", "doc/sub/empty", "doc/sub/a b # % ü?.txt"];

let service: RunningService;
let folder: Awaited<ReturnType<typeof makeFolder>>;
let token: string;
let carl: DebusineClient;

beforeAll(async () => {
  service = await startService();
  await service.makeWorkspace("demo");
  ({ token } = await makeUserToken(service, "carl", { demo: "contributor" }));
  carl = new DebusineClient(service, { Token: token });
  folder = await makeFolder();
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

async function run(client: Installed, ...args: string[]): Promise<string> {
  const { code, output } = await runTool(
    "env",
    `PYTHONPATH=${client.path}`,
    client.python,
    ...args,
  );
  if (code !== 0) {
    throw new Error(`debusine ${client.version} ${args.join(" ")}: ${code}\n${output}`);
  }
  return output;
}

/** Runs a command of the command line client. */
function debusine(client: Installed, ...args: string[]): Promise<string> {
  const config = join(folder.path, "config.ini");
  const server = `api-url = ${service.origin}/api\nscope = debusine\ntoken = ${token}\n`;
  writeFileSync(config, `[General]\ndefault-server = here\n[server:here]\n${server}`);
  return run(client, "-m", "debusine.client", "--config-file", config, ...args);
}

function library(client: Installed, origin: string, ...args: string[]): Promise<string> {
  return run(client, LIBRARY, `${origin}/api`, token, ...args);
}

/** A new folder with these files. */
function lay(name: string, files: Record<string, Uint8Array>): string {
  const base = join(folder.path, name);
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(join(base, path, ".."), { recursive: true });
    writeFileSync(join(base, path), bytes);
  }
  return base;
}

/** Creates an artifact of files below `base`; gives its id, and how many files were asked for. */
async function create(client: Installed, base: string, paths: string[]): Promise<[string, string]> {
  const command = ["create-artifact", "--workspace", "demo", "debusine:test"];
  const upload = ["--upload-base-directory", base, "--upload", ...paths];
  const output = await debusine(client, ...command, ...upload);
  return [/^artifact_id: (\d+)$/mu, /^files_to_upload: (\d+)$/mu].map(
    (pattern) => pattern.exec(output)?.[1] ?? output,
  ) as [string, string];
}

/** Downloads an artifact into a new folder. */
async function download(client: Installed, id: string, ...options: string[]): Promise<string> {
  const into = lay(`got ${client.version} ${id}${options.join("")}`, {});
  mkdirSync(into);
  await debusine(client, "download-artifact", "--target-directory", into, ...options, id);
  return into;
}

/** How two folders differ. */
async function differences(one: string, other: string): Promise<string> {
  return (await runTool("diff", "-r", one, other)).output;
}

describe.each(CLIENTS)("debusine $version", (client) => {
  let base: string;
  let files: Record<string, Buffer>;
  let first: string;
  let asked: string;

  beforeAll(async () => {
    const contents = [randomBytes(3_000_000), `<script>alert("${client.version}")</script>`, ""];
    files = Object.fromEntries(
      PATHS.map((path, at) => [path, Buffer.from(contents[at] ?? `${client.version} ${path}`)]),
    );
    base = lay(`tree ${client.version}`, files);
    [first, asked] = await create(client, base, PATHS);
  });

  it("shows what it created, and sends nothing the second time", async () => {
    expect(asked).toBe("3"); // all but the empty one
    const shown = await debusine(client, "show-artifact", first);
    for (const bytes of Object.values(files)) {
      expect(shown).toContain(hexDigest("sha256", bytes));
    }
    expect(shown).toContain("files_to_upload: []");
    const [second, askedAgain] = await create(client, base, PATHS);
    expect([second === first, askedAgain]).toEqual([false, "0"]);
    expect(await library(client, service.origin, "relate", first, second)).toBe("True\n");
    expect(await debusine(client, "show-artifact-relations", first)).toContain(`target: ${second}`);
  });

  it("downloads the same files, unpacked and as a tarball", async () => {
    expect(await differences(base, await download(client, first))).toBe("");
    const packed = await download(client, first, "--tarball");
    const unpacked = lay(`unpacked ${client.version}`, {});
    mkdirSync(unpacked);
    await runTool("sh", "-c", `tar xzf '${packed}'/*.tar.gz -C '${unpacked}'`);
    expect(await differences(base, unpacked)).toBe("");
  });

  it("imports a .deb", async () => {
    const control = "Package: tiny\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@b.invalid>\n";
    const root = lay(`deb ${client.version}`, {
      "DEBIAN/control": Buffer.from(`${control}Description: ${client.version}\n`),
    });
    const name = "tiny_1.0_all.deb";
    const built = lay(`built ${client.version}`, {});
    mkdirSync(built);
    const { code } = await runTool("dpkg-deb", "-b", root, join(built, name));
    expect(code).toBe(0);
    const imported = ["import-debian-artifact", "--workspace", "demo", join(built, name)];
    const id = /^artifact_id: (\d+)$/mu.exec(await debusine(client, ...imported))?.[1] ?? "";
    expect(await debusine(client, "show-artifact", id)).toContain(
      "category: debian:binary-package",
    );
    expect(await differences(built, await download(client, id))).toBe("");
  });

  it("sends 60 MiB in two chunks and goes on behind the first when the second is lost", async () => {
    const bytes = randomBytes(60 * MiB);
    const big = lay(`big ${client.version}`, { "big.bin": bytes });
    const { id } = await carl.make({ "big.bin": bytes }, DEMO);
    // To the same URL: the question, the first chunk, the second.
    const loseSecond: Plan = (method, _path, nth) =>
      method === "PUT" && nth === 3 ? { kind: "refuse", status: 400, forward: "never" } : null;
    await using broken = await startFlakyProxy(service.origin, loseSecond);
    const filling = library(client, broken.origin, "fill", String(id), big, "big.bin");
    await expect(filling).rejects.toThrow("unexpected status code: 400");
    await using whole = await startFlakyProxy(service.origin, () => null);
    await library(client, whole.origin, "fill", String(id), big, "big.bin");
    const sent = whole.seen.map(({ status, bodyBytes }) => [status, bodyBytes]);
    expect(sent).toEqual([
      [206, 0],
      [201, 10 * MiB],
    ]);
    expect(await differences(big, await download(client, String(id)))).toBe("");
  });

  it("is refused other bytes than it declared, and then sends the right ones", async () => {
    const bytes = randomBytes(20_000);
    const { id } = await carl.make({ file: bytes }, DEMO);
    const wrong = lay(`wrong ${client.version}`, { file: randomBytes(20_000) });
    await using proxy = await startFlakyProxy(service.origin, () => null);
    const filling = library(client, proxy.origin, "fill", String(id), wrong, "file");
    await expect(filling).rejects.toThrow("FileUploadError");
    expect(proxy.seen.map(({ status }) => status)).toContain(409);
    const right = lay(`right ${client.version}`, { file: bytes });
    await library(client, service.origin, "fill", String(id), right, "file");
    expect(await differences(right, await download(client, String(id)))).toBe("");
  });

  it("fills one artifact together with another client", async () => {
    const parts = Object.fromEntries(
      ["a", "b/c", "d", "e"].map((path) => [path, randomBytes(2 * MiB)]),
    );
    const shared = lay(`shared ${client.version}`, parts);
    const { id } = await carl.make(parts, DEMO);
    const fill = (one: Installed) =>
      library(one, service.origin, "fill", String(id), shared, ...Object.keys(parts));
    await Promise.all([fill(client), fill(CLIENTS.at(-1) ?? client)]);
    expect(await differences(shared, await download(client, String(id)))).toBe("");
    expect(readFileSync(join(shared, "a")).equals(parts["a"] ?? Buffer.of())).toBe(true);
  });
});
