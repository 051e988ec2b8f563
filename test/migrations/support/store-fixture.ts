// A store as a version of Stowage left it: the state folder of `npm start`, packed, with what clients must find in it. It
// is filled over HTTP alone, so this code makes and checks stores of any schema.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { DebusineClient } from "../../support/debusine-client.ts";
import { findDifferences } from "../../support/fsck.ts";
import { freePort, startLiveServer } from "../../support/live-server.ts";
import type { LiveServer } from "../../support/live-server.ts";

/** Where the stores are that every later version must be able to take over. */
export const STORES = "test/fixtures/stores";

const NAME = /^schema-(?<number>\d{4})\.tar\.gz$/u;
const EXPECTED = "expected.json";
const MiB = 1024 * 1024;

/** What clients must find in a store. */
interface Expected {
  /** What GET gives, to whoever may read all: its sha256. */
  contents: Record<string, string>;
  /** A file that was declared and has not come: whoever sends these bytes completes its artifact. */
  missing: { id: number; path: string; text: string };
}

/** The schemas of which a folder has stores. */
export function findStores(folder: string): number[] {
  return readdirSync(folder)
    .map((name) => Number(NAME.exec(name)?.groups?.["number"] ?? 0))
    .filter((number) => number > 0)
    .toSorted((one, other) => one - other);
}

/** The schemas of which there must be a store and is none: those that a migration changes. */
export function findMissingStores(migrations: number, stores: readonly number[]): number[] {
  const changed = Array.from({ length: Math.max(0, migrations - 1) }, (_, index) => index + 1);
  return changed.filter((number) => !stores.includes(number));
}

export function storeFile(folder: string, number: number): string {
  return join(folder, `schema-${String(number).padStart(4, "0")}.tar.gz`);
}

/** Fills a store of the present schema and packs it into a file. */
export async function makeStore(file: string): Promise<void> {
  const state = mkdtempSync(join(tmpdir(), "stowage-store-"));
  try {
    const server = await startLiveServer(state, await freePort());
    try {
      writeFileSync(join(state, EXPECTED), JSON.stringify(await fill(server), null, 2));
    } finally {
      await server.stop();
    }
    execFileSync("tar", ["-czf", file, "-C", state, "--exclude=migrated.sha256", EXPECTED, "v3"]);
  } finally {
    rmSync(state, { recursive: true });
  }
}

/** Unpacks a store into a new folder, which the caller removes. */
export function unpackStore(file: string): string {
  const state = mkdtempSync(join(tmpdir(), "stowage-store-"));
  execFileSync("tar", ["-xzf", file, "-C", state]);
  return state;
}

/** Serves an unpacked store, reads all that clients must find, completes what was begun, and compares all that is stored with
 * itself. Gives what the start printed, and what is wrong. */
export async function serveStore(state: string): Promise<{ printed: string; wrong: string[] }> {
  const { contents, missing } = JSON.parse(readFileSync(join(state, EXPECTED), "utf8")) as Expected;
  const server = await startLiveServer(state, await freePort());
  try {
    const printed = server.printed();
    const wrong: string[] = [];
    const bearer = await loginAsSystem(server);
    for (const [path, sha256] of Object.entries(contents)) {
      const found = await read(server, path, bearer);
      if (found !== sha256) {
        wrong.push(`${path} is not what it was: ${found}`);
      }
    }
    const client = new DebusineClient(server.service, { Authorization: `Bearer ${bearer}` });
    const put = await client.put(missing.id, missing.path, Buffer.from(missing.text));
    if (put.status !== 201) {
      wrong.push(`PUT of ${missing.path}: ${put.status} ${await put.text()}`);
    }
    const { service } = server;
    const differences = await findDifferences({
      tampered: new Set(),
      loginAsSystem: () => loginAsSystem(server),
      json: (...request) => service.json(...request),
    });
    return { printed, wrong: [...wrong, ...differences] };
  } finally {
    await server.stop();
  }
}

function loginAsSystem({ service, systemKey }: LiveServer): Promise<string> {
  return service.login("system", systemKey);
}

/** The sha256 of what GET gives, or why it gives none. */
async function read({ service }: LiveServer, path: string, bearer: string): Promise<string> {
  const response = await service.fetch(path, { bearer });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return response.status === 200
    ? createHash("sha256").update(bytes).digest("hex")
    : `${response.status} ${new TextDecoder().decode(bytes.subarray(0, 200))}`;
}

/** Makes one of everything that a store may hold. */
async function fill(server: LiveServer): Promise<Expected> {
  const { service } = server;
  const system = await loginAsSystem(server);
  const post = <T = { id: number; uuid: string }>(path: string, body: unknown, bearer: string) =>
    service.json<T>("POST", path, body, bearer);

  // Workspaces and people.
  for (const namespace of ["alder", "beech"]) {
    const body = {
      namespace,
      key_name: "ci",
      key: `key of ${namespace}`,
      public: namespace === "alder",
    };
    await post("/auth/namespaces", body, system);
  }
  const alder = await service.login("alder", "key of alder");
  const beech = await service.login("beech", "key of beech");
  await post("/auth/namespaces/alder/trust", { external_namespace: "beech" }, alder);
  await service.json("PUT", "/auth/namespaces/beech/trusted-by/alder", undefined, beech);
  await post("/auth/namespaces/alder/metadata", { key: "note", value: "of a workspace" }, alder);
  await post("/auth/users", { name: "carl", password: "a long password" }, system);
  const role = { role: "contributor" };
  await service.json("PUT", "/auth/namespaces/alder/members/carl", role, system);
  await post("/auth/tokens", { kind: "user", user: "carl", label: "laptop" }, system);
  await post("/auth/namespaces/alder/keys", { key_name: "second" }, alder);
  for (const password of ["a wrong password", "a long password"]) {
    await service.fetch("/login", {
      method: "POST",
      headers: { "Sec-Fetch-Site": "same-origin", Accept: "text/html" },
      body: new URLSearchParams({ next: "/", name: "carl", password }),
    });
  }

  // Files by upload: of several versions and parts, empty, shared content, with notes; one is deleted.
  const image = Buffer.alloc(17 * MiB, "sixteen letters ");
  const first = await service.upload("disk.img", image.subarray(0, 9 * MiB), alder);
  const disk = await service.upload("disk.img", image, alder);
  const empty = await service.upload("empty", Buffer.alloc(0), alder);
  const twin = await service.upload("twin", image, beech);
  const doomed = await service.upload("doomed", Buffer.from("nobody needs this"), beech);
  await service.json("DELETE", `/artifacts/${doomed.uuid}`, undefined, beech);
  await post(
    `/artifacts/${disk.uuid}/metadata`,
    { key: "note", value: { of: "an artifact" } },
    alder,
  );
  await post(`/blobs/${disk.blob_uuid}/metadata`, { key: "note", value: "of a blob" }, alder);
  await post("/label/stable", { blob_uuid: disk.blob_uuid }, alder);

  // Artifacts of many files: one is complete, one lacks a file.
  const client = new DebusineClient(service, { Authorization: `Bearer ${alder}` });
  const put = async (id: number, path: string, bytes: Uint8Array) =>
    requireDone(await client.put(id, path, bytes));
  const files = {
    "a/empty": Buffer.alloc(0),
    "a/large": image.subarray(5, 2 * MiB),
    "a/b/café": Buffer.from("coffee"),
    "z.txt": Buffer.from("last"),
  };
  const whole = await client.make(files, { workspace: "alder" });
  for (const [path, bytes] of Object.entries(files)) {
    await put(whole.id, path, bytes);
  }
  const missing = { path: "second", text: "it comes after the upgrade" };
  const parts = { first: Buffer.from("first"), [missing.path]: Buffer.from(missing.text) };
  const partial = await client.make(parts, { workspace: "alder" });
  await put(partial.id, "first", parts.first);
  const relation = { artifact: whole.id, target: partial.id, type: "relates-to" };
  await requireDone(await client.send("POST", "/artifact-relation/", relation));

  // An archive whose members are an artifact, one that is none, and uploads that are under way.
  const folder = mkdtempSync(join(tmpdir(), "stowage-tree-"));
  mkdirSync(join(folder, "tree"));
  writeFileSync(join(folder, "tree", "one"), "1");
  writeFileSync(join(folder, "tree", "two"), "22");
  const pack = (...names: string[]) => execFileSync("tar", ["-cf", "-", "-C", folder, ...names]);
  const tree = await explode(server, alder, "tree", pack("tree"));
  const both = pack("--transform=s,two,one/two,", "tree/one", "tree/two");
  await explode(server, alder, "a file and a folder", both);
  rmSync(folder, { recursive: true });
  for (const size of [5, 9 * MiB]) {
    const uuid = await service.openUpload(beech);
    await requireDone(await service.append(uuid, image.subarray(0, size), beech));
  }

  const paths = [
    `/a/${disk.id}/disk.img`,
    `/a/${disk.id}/disk.img?version=${first.index}`,
    `/a/${empty.id}/empty`,
    `/a/${twin.id}/twin`,
    ...["a/empty", "a/large", "a/b/caf%C3%A9", "z.txt"].map((path) => `/a/${whole.id}/${path}`),
    ...["tar", "zip"].map((format) => `/a/${whole.id}/?archive=${format}`),
    `/a/${partial.id}/first`,
    `/a/${tree}/tree/one`,
    `/a/${tree}/?archive=tar`,
  ];
  await server.sweep();
  const contents: Record<string, string> = {};
  for (const path of paths) {
    contents[path] = await read(server, path, system);
  }
  return { contents, missing: { id: partial.id, ...missing } };
}

async function requireDone(response: Response): Promise<void> {
  if (!response.ok) {
    throw new Error(`The store cannot be filled: ${response.status} ${await response.text()}`);
  }
}

/** Uploads an archive and waits until its members are an artifact, or it is refused; gives the artifact's id. */
async function explode(
  { service }: LiveServer,
  bearer: string,
  name: string,
  archive: Buffer,
): Promise<number> {
  const uuid = await service.openUpload(bearer);
  await requireDone(await service.append(uuid, archive as Uint8Array<ArrayBuffer>, bearer));
  const body = { upload_uuid: uuid, explode: true };
  let made: { id: number; uuid: string; state: string } = await service.json(
    "POST",
    `/artifacts/upload/${name}`,
    body,
    bearer,
  );
  while (made.state === "initial") {
    made = await service.json("GET", `/artifacts/${made.uuid}`, undefined, bearer);
  }
  return made.id;
}
