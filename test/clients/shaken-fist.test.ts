// The public Shaken Fist client, unmodified (scripts/test-clients.mjs installs it), against a real service.

import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { makeFolder, runTool } from "../support/run-tool.ts";
import { TEST_SECRETS } from "../support/secrets.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";
import { startFlakyProxy } from "./flaky-proxy.ts";
import type { Fault } from "./flaky-proxy.ts";

const MiB = 1024 * 1024;
const CLIENT = process.env["SF_CLIENT"] ?? "sf-client";
const IMAGE = randomBytes(20 * MiB);

let service: RunningService;
let folder: Awaited<ReturnType<typeof makeFolder>>;
let image: string;

beforeAll(async () => {
  service = await startService();
  await service.makeWorkspace("ci");
  folder = await makeFolder();
  image = join(folder.path, "image.raw");
  writeFileSync(image, IMAGE);
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

const sha512 = (bytes: Uint8Array): string => createHash("sha512").update(bytes).digest("hex");

interface Login {
  origin?: string;
  namespace?: string;
  key?: string;
}

/** Runs the command line client; throws what it printed when it does not end well. */
async function sf(args: string[], { origin, namespace = "ci", key }: Login = {}): Promise<string> {
  const login = ["--apiurl", origin ?? service.origin, "--namespace", namespace];
  const secret = key ?? `key of ${namespace}`;
  const { code, output } = await runTool(CLIENT, ...login, "--key", secret, ...args);
  if (code !== 0) {
    throw new Error(`sf-client ${args.join(" ")}: ${code}\n${output}`);
  }
  return output;
}

const asSystem = { namespace: "system", key: "" };

async function sfJson<T>(args: string[], login?: Login): Promise<T> {
  return JSON.parse(await sf(["--json", ...args], login)) as T;
}

interface ShownArtifact {
  uuid: string;
  blob_uuid: string;
  index: number;
  blobs: Record<string, { uuid: string; size: number }>;
  metadata: Record<string, string>;
  shared: boolean;
  max_versions: number;
}

const show = (ref: string): Promise<ShownArtifact> => sfJson(["artifact", "show", ref]);

async function download(ref: string, login?: Login): Promise<Buffer> {
  const target = join(folder.path, `${ref}.down`);
  expect(await sf(["artifact", "download", ref, target], login)).toContain("Download complete");
  return readFileSync(target);
}

describe("sf-client artifact", () => {
  it("uploads 20 MiB, and the same again without sending a byte", async () => {
    await using proxy = await startFlakyProxy(service.origin, () => null);
    const first = await sf(["artifact", "upload", "demo", image], proxy);
    expect(first).toContain("Uploading new blob");
    const sent = () =>
      proxy.seen
        .filter(({ path }) => path.startsWith("/upload/"))
        .reduce((sum, { bodyBytes }) => sum + bodyBytes, 0);
    expect(sent()).toBe(IMAGE.length);
    const second = await sf(["artifact", "upload", "again", image], proxy);
    expect(second).toContain("Recycling existing blob");
    expect(sent()).toBe(IMAGE.length);
    expect((await show("again")).blob_uuid).toBe((await show("demo")).blob_uuid);
  });

  it("lists, shows and gives versions in its three forms", async () => {
    const { uuid, blob_uuid: blob } = await show("demo");
    for (const form of ["--pretty", "--simple", "--json"]) {
      expect(await sf([form, "artifact", "list"])).toContain(uuid);
      expect(await sf([form, "artifact", "show", "demo"])).toContain(blob);
      expect(await sf([form, "artifact", "versions", "demo"])).toContain(sha512(IMAGE));
      expect(await sf([form, "blob", "show", blob])).toContain(blob);
      expect(await sf([form, "blob", "sha512", sha512(IMAGE)])).toContain(blob);
    }
  });

  it("downloads what was uploaded", async () => {
    expect(sha512(await download("demo"))).toBe(sha512(IMAGE));
  });

  it("goes on by offset when a download is cut in the middle", async () => {
    const cut: Fault = { kind: "cut", after: 7_012_352 };
    await using proxy = await startFlakyProxy(service.origin, (_method, path) =>
      path.endsWith("/data?offset=0") ? cut : null,
    );
    expect(sha512(await download("demo", proxy))).toBe(sha512(IMAGE));
    const reads = proxy.seen.filter(({ path }) => path.includes("/data?"));
    expect(reads).toHaveLength(2);
  });

  it("keeps versions, prunes them and deletes one", async () => {
    for (const size of [1, 2, 3]) {
      const file = join(folder.path, `v${size}`);
      writeFileSync(file, randomBytes(size * 1000));
      await sf(["artifact", "upload", "versions", file]);
    }
    await sf(["artifact", "delete-version", "versions", "2"]);
    expect(Object.keys((await show("versions")).blobs)).toEqual(["1", "3"]);
    await sf(["artifact", "max-versions", "versions", "1"]);
    expect(await show("versions")).toMatchObject({ index: 3, max_versions: 1 });
    expect(Object.keys((await show("versions")).blobs)).toEqual(["3"]);
    expect(await sf(["artifact", "delete", "versions"])).not.toContain("rror");
    await expect(show("versions")).rejects.toThrow("not found");
  });

  it("sets and deletes metadata by its own wrong path, of artifacts and of blobs", async () => {
    const { blob_uuid: blob } = await show("demo");
    for (const [kind, ref] of [
      ["artifact", "demo"],
      ["blob", blob],
    ] as const) {
      await sf([kind, "set-metadata", ref, "colour", "green"]);
      expect(await sf(["--simple", kind, "show", ref])).toContain("metadata,colour,green");
      await sf([kind, "delete-metadata", ref, "colour"]);
      expect(await sf(["--simple", kind, "show", ref])).not.toContain("colour");
    }
  });

  it("shows events, newest first, and as few as asked for", async () => {
    const all = await sfJson<{ timestamp: number; message: string }[]>([
      "artifact",
      "events",
      "again",
    ]);
    expect(all.length).toBeGreaterThan(0);
    expect(all.map(({ timestamp }) => timestamp)).toEqual(
      all.map(({ timestamp }) => timestamp).toSorted((one, other) => other - one),
    );
    expect(await sfJson(["artifact", "events", "demo", "-l", "1"])).toHaveLength(1);
    expect(await sf(["--pretty", "artifact", "events", "demo"])).toContain("timestamp");
  });

  it("is shared by system only", async () => {
    const login = { ...asSystem, key: TEST_SECRETS.SYSTEM_KEY };
    await sf(["artifact", "upload", "base", image], login);
    await sf(["artifact", "share", "base"], login);
    expect(await show("base")).toMatchObject({ shared: true });
    await sf(["artifact", "unshare", "base"], login);
    await expect(show("base")).rejects.toThrow("not found");
    await expect(sf(["artifact", "share", "demo"])).rejects.toThrow("Not authorized");
  });

  it("updates a label, which is an artifact like others", async () => {
    const { blob_uuid: blob } = await show("demo");
    await sf(["label", "update", "stable", blob]);
    expect(await sf(["artifact", "list"])).toContain("sf://label/ci/stable");
  });
});

describe("sf-client namespace", () => {
  it("creates, fills, empties and deletes one", async () => {
    const login = { ...asSystem, key: TEST_SECRETS.SYSTEM_KEY };
    await sf(["namespace", "create", "other"], login);
    await sf(["namespace", "add-key", "other", "k1", "secret of other"], login);
    await sf(["namespace", "set-metadata", "other", "team", "blue"], login);
    expect(await sf(["namespace", "get-metadata", "other"], login)).toContain("blue");
    await sf(["namespace", "delete-metadata", "other", "team"], login);
    await sf(["namespace", "add-trust", "other", "ci"], login);
    for (const form of ["--pretty", "--simple", "--json"]) {
      expect(await sf([form, "namespace", "list"], login)).toContain("other");
      expect(await sf([form, "namespace", "show", "other"], login)).toContain("k1");
    }
    await sf(["namespace", "remove-trust", "other", "ci"], login);
    const other = { namespace: "other", key: "secret of other" };
    await sf(["artifact", "upload", "mine", image], other);
    await sf(["namespace", "update-key", "other", "k1", "another secret"], login);
    const renewed = { namespace: "other", key: "another secret" };
    expect(await sf(["artifact", "list"], renewed)).toContain("mine");
    await sf(["namespace", "clean", "--confirm", "--namespace", "other"], renewed);
    expect(await sfJson(["artifact", "list"], renewed)).toEqual([]);
    await sf(["namespace", "delete-key", "other", "k1"], login);
  });
});

describe("an upload through a network that fails", () => {
  const refusals: [string, Fault, RegExp][] = [
    [
      "503 before an append",
      { kind: "refuse", status: 503, forward: "never" },
      /^\/upload\/[^/]+$/u,
    ],
    [
      "503 after an append",
      { kind: "refuse", status: 503, forward: "first" },
      /^\/upload\/[^/]+$/u,
    ],
    [
      "401 before an append",
      { kind: "refuse", status: 401, forward: "never" },
      /^\/upload\/[^/]+$/u,
    ],
    [
      "406 before an append",
      { kind: "refuse", status: 406, forward: "never" },
      /^\/upload\/[^/]+$/u,
    ],
    [
      "406 before the convert",
      { kind: "refuse", status: 406, forward: "never" },
      /^\/artifacts\/upload\//u,
    ],
    [
      "406 after the convert",
      { kind: "refuse", status: 406, forward: "first" },
      /^\/artifacts\/upload\//u,
    ],
    [
      "401 after the convert",
      { kind: "refuse", status: 401, forward: "first" },
      /^\/artifacts\/upload\//u,
    ],
  ];

  it.each(refusals)("that answers %s still stores the right bytes", async (words, fault, where) => {
    const bytes = randomBytes(6_000_000);
    const name = words.replaceAll(" ", "-");
    const file = join(folder.path, name);
    writeFileSync(file, bytes);
    await using proxy = await startFlakyProxy(service.origin, (method, path, nth) =>
      method === "POST" && where.test(path) && (nth === 1 || nth === 3) ? fault : null,
    );
    await sf(["artifact", "upload", name, file], proxy);
    expect(proxy.seen.some(({ status }) => status === (fault as { status: number }).status)).toBe(
      true,
    );
    expect(sha512(await download(name))).toBe(sha512(bytes));
    expect(Object.keys((await show(name)).blobs)).toEqual(["1"]);
  });
});
