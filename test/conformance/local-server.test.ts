// `npm start` on a machine that others use, too (SECURITY.md, T37): what it keeps, what it listens on, and what a stranger
// gets there. Where the tests run as root, the stranger is the user nobody; else the modes of all that is kept are looked at.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { listenersOf } from "../support/listeners.ts";
import { freePort, startLiveServer } from "../support/live-server.ts";
import type { LiveServer } from "../support/live-server.ts";
import { exchange, headOf, openSocket, readAll, statusOf } from "../support/raw-socket.ts";
import type { ArtifactBody } from "../support/service.ts";
import { StateFolder } from "../support/state-folder.ts";
import { END, join as joinBytes, member } from "../unit/archive/make-tar.ts";

const SECRETS_FILE = new URL("../../.dev.vars", import.meta.url);
const MiB = 1024 * 1024;
const NOBODY = 65_534;
const OTHERS = 0o077;

const PRIVATE = `private bytes ${crypto.randomUUID()} `.repeat(100);

let folder: string;
let state: string;
let port: number;
let server: LiveServer;
let keys: string[];

/** A state folder as an earlier version left it. */
function makeOpenState(): void {
  for (const part of ["", "v3", "v3/r2", "v3/r2/old"]) {
    mkdirSync(join(state, part));
    chmodSync(join(state, part), 0o755);
  }
  for (const file of ["server.json", "v3/r2/old/blob"]) {
    writeFileSync(join(state, file), "{}");
    chmodSync(join(state, file), 0o644);
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "stowage-local-"));
  chmodSync(folder, 0o755);
  state = join(folder, "state");
  makeOpenState();
  port = await freePort();
  server = await startLiveServer(state, port);
  const { service, systemKey } = server;
  const system = await service.login("system", systemKey);
  await service.upload("disk.img", Buffer.from(PRIVATE), system);
  ({ keys } = new StateFolder(state).r2());
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Everything below a folder, itself included. */
function walk(path: string): string[] {
  return lstatSync(path).isDirectory()
    ? [path, ...readdirSync(path).flatMap((name) => walk(join(path, name)))]
    : [path];
}

/** What a command prints that another user of the machine runs; who is not root can only be themself. */
function asStranger(
  command: string,
  ...args: string[]
): Promise<{ failed: boolean; output: string }> {
  const isRoot = process.getuid?.() === 0;
  const identity = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  return new Promise((resolve) => {
    execFile(command, args, { ...identity, cwd: "/", maxBuffer: 64 * MiB }, (error, stdout) => {
      resolve({ failed: error !== null, output: stdout });
    });
  });
}

describe("what is kept (T37)", () => {
  it("is open to its owner alone, old files and new ones", () => {
    const paths = walk(state);
    expect(paths.length).toBeGreaterThan(20);
    expect(paths.filter((path) => (lstatSync(path).mode & OTHERS) !== 0)).toEqual([]);
    expect(statSync(SECRETS_FILE).mode & OTHERS).toBe(0);
  });

  it("loses what others might read of it when the server starts again", async () => {
    await server.stop();
    chmodSync(SECRETS_FILE, 0o644);
    chmodSync(state, 0o750);
    server = await startLiveServer(state, port);
    expect(statSync(SECRETS_FILE).mode & OTHERS).toBe(0);
    expect(statSync(state).mode & OTHERS).toBe(0);
  });

  it.runIf(process.getuid?.() === 0)("is not read by another user", async () => {
    const tried = [
      ["cat", SECRETS_FILE.pathname],
      ["ls", state],
      ["cat", join(state, "server.json")],
      ["find", state, "-name", "*.sqlite"],
      ...server.pids().map((pid) => ["cat", `/proc/${pid}/environ`]),
    ];
    for (const [command = "", ...args] of tried) {
      const { failed, output } = await asStranger(command, ...args);
      expect([args, failed, output.replace(`${state}\n`, "")]).toEqual([args, true, ""]);
    }
    expect((await asStranger("ls", folder)).output).toBe("state\n");
  });

  it("is on no command line", async () => {
    const secrets =
      readFileSync(SECRETS_FILE, "utf8").match(/(?<=^(?:SYSTEM_KEY|TOKEN_SECRET)=).+/gmu) ?? [];
    expect(secrets.length).toBeGreaterThan(1);
    for (const pid of server.pids()) {
      const { output } = await asStranger("cat", `/proc/${pid}/cmdline`);
      expect(output).not.toBe("");
      expect(secrets.filter((secret) => output.includes(secret))).toEqual([]);
    }
  });
});

/** Where the runtime of `wrangler dev` shows something of itself. */
function routes(): string[] {
  return [
    ...keys.flatMap((key) => [
      `/cdn-cgi/local/r2/public/stowage/${key}`,
      `/cdn-cgi/local/r2/s3/stowage/${key}`,
    ]),
    "/cdn-cgi/local/r2/public/stowage/",
    "/cdn-cgi/local/scheduled",
    "/cdn-cgi/mf/scheduled",
    "/cdn-cgi/handler/scheduled",
    "/cdn-cgi/local/email",
    "/cdn-cgi/local/platform-proxy",
    "/cdn-cgi/local/explorer/api/d1/database",
    "/cdn-cgi/explorer/api/r2/buckets",
    "/cdn-cgi/InspectorProxyWorker/websocket",
    "/json",
    "/json/list",
    "/core/log",
    "/core/error",
    "/core/do-storage",
  ];
}

/** Other ways to write a path that a careless check lets through. */
function spellings(route: string): string[] {
  return [
    `/${route}`,
    `/x/..${route}`,
    `/%2e%2e${route}`,
    route.replace("/cdn-cgi", "/%63dn-cgi"),
    route.replace("cdn-cgi/", "cdn-cgi%2f"),
    route.replaceAll("/", "\\"),
    `/worker${route}`,
    `http://127.0.0.1:${port}${route}`,
    `http://stowage.invalid/worker/..${route}`,
  ];
}

/** What else a stranger may send along. */
const HEADERS = [
  ["Host: localhost"],
  ["Host: stowage.invalid"],
  ["Host: evil.example"],
  ["Host: "],
  ["Host: 127.0.0.1", "Origin: http://localhost"],
  ["Host: 127.0.0.1", "MF-Route-Override: stowage", "MF-Disable-Pretty-Error: true"],
  ["Host: 127.0.0.1", "MF-Custom-Fetch-Service: stowage", "MF-Op: GET", "MF-Op-Secret: 00"],
  ["Host: 127.0.0.1", "MF-Original-Hostname: x/cdn-cgi/local/scheduled?"],
];

function attacks(): Buffer[] {
  const get = (path: string, ...lines: string[]) =>
    headOf(`GET ${path} HTTP/1.1`, ...lines, "Connection: close");
  return routes().flatMap((route) => [
    ...HEADERS.map((lines) => get(route, ...lines)),
    ...[route, ...spellings(route)].map((path) => get(path, "Host: 127.0.0.1")),
    get("/", "Host: localhost", `MF-Original-URL: http://localhost${route}`),
  ]);
}

describe("npm run manifest", () => {
  const manifestOf = (...args: string[]) =>
    new Promise<{ failed: boolean; output: string }>((resolve) => {
      const script = fileURLToPath(new URL("../../scripts/manifest.mjs", import.meta.url));
      const env = { ...process.env, STOWAGE_STATE: state };
      execFile(process.execPath, [script, ...args], { env }, (error, stdout, stderr) => {
        resolve({ failed: error !== null, output: stdout + stderr });
      });
    });

  it("prints that of an artifact by its id and its uuid, also while the server runs", async () => {
    const { service, systemKey } = server;
    const system = await service.login("system", systemKey);
    const { id, uuid } = await service.upload("one.bin", Buffer.from("1"), system);
    const { output } = await manifestOf(String(id));
    expect(output.split("\n").slice(2)).toEqual(["1 - 1 one.bin", ""]);
    expect(await manifestOf(uuid, "--version=1")).toEqual({ failed: false, output });
    expect(await manifestOf(uuid, "--version=2")).toEqual({
      failed: true,
      output: `the database in ${state} has no complete version 2 of artifact ${uuid}\n`,
    });
  });

  it("prints one that is an object in R2", async () => {
    const { service, systemKey } = server;
    const system = await service.login("system", systemKey);
    const members = Array.from({ length: 300 }, (_, n) =>
      member({ name: `${1_000 + n}` }, Buffer.from(`${n}`)),
    );
    const upload = await service.openUpload(system);
    await service.append(upload, Buffer.from(joinBytes(...members, END)), system);
    const path = "/artifacts/upload/many";
    const wanted = { upload_uuid: upload, explode: true };
    const { uuid } = await service.json<ArtifactBody>("POST", path, wanted, system);
    await vi.waitUntil(
      async () =>
        (await service.json<ArtifactBody>("GET", `/artifacts/${uuid}`, undefined, system)).state ===
        "created",
      { timeout: 20_000, interval: 100 },
    );
    const { output } = await manifestOf(uuid, "--hashes");
    expect(output.split("\n")).toHaveLength(2 + 300 + 1);
    const sha256 = createHash("sha256").update("299").digest("hex");
    expect(output).toContain(`300 - 3 ${sha256} 1299\n`);
  });
});

describe("what listens (T37)", () => {
  it("is the service and a server that knows its callers, and tells a stranger nothing", async () => {
    const swept = vi.fn<() => void>();
    server.nextLine(/"event":"sweep"/u).then(swept, () => {});
    const listeners = listenersOf(server.pids());
    expect(listeners.map(({ at }) => at)).toContain(port);
    for (const { at } of listeners) {
      expect(at).toBeTypeOf("number");
      const wanted = at === port ? /^[2345]\d\d$/u : /^40[03]$/u;
      for (const request of attacks()) {
        const answer = await exchange(`http://127.0.0.1:${at}`, request);
        const seen = [at, request.toString(), String(statusOf(answer)), leaks(answer)];
        expect(seen).toEqual([at, request.toString(), expect.stringMatching(wanted), []]);
      }
    }
    expect(swept).not.toHaveBeenCalled();
  });
});

/** What of an answer nobody else must see. */
function leaks(answer: string): string[] {
  const secrets =
    readFileSync(SECRETS_FILE, "utf8").match(/(?<=^(?:SYSTEM_KEY|TOKEN_SECRET)=).+/gmu) ?? [];
  const forbidden = [...secrets, PRIVATE.slice(0, 40), ...keys, "webSocketDebuggerUrl", "SQLite"];
  return forbidden.filter((text) => answer.includes(text));
}

describe("a state folder of another user", () => {
  it("is refused, and left as it is", async () => {
    const isRoot = process.getuid?.() === 0;
    const foreign = isRoot ? join(folder, "foreign") : "/usr";
    if (isRoot) {
      mkdirSync(foreign, { mode: 0o755 });
      chownSync(foreign, NOBODY, NOBODY);
    }
    const before = statSync(foreign);
    await expect(startLiveServer(foreign, await freePort())).rejects.toThrow(
      `${foreign} belongs to another user of this machine`,
    );
    const { mode, uid, mtimeMs } = statSync(foreign);
    expect({ mode, uid, mtimeMs }).toEqual({
      mode: before.mode,
      uid: before.uid,
      mtimeMs: before.mtimeMs,
    });
  });
});

describe("a body that is refused", () => {
  const path = `/upload/${crypto.randomUUID()}`;

  it("is read, so that a client that only writes gets its answer", async () => {
    const size = 24 * MiB;
    const head = headOf(
      `POST ${path} HTTP/1.1`,
      "Host: x",
      `Content-Length: ${size}`,
      "Connection: close",
    );
    const answer = await exchange(server.service.origin, Buffer.concat([head, Buffer.alloc(size)]));
    expect(statusOf(answer)).toBe(401);
  });

  it("need not be sent by a client that asks first", async () => {
    const socket = await openSocket(server.service.origin);
    socket.write(
      headOf(
        `POST ${path} HTTP/1.1`,
        "Host: x",
        `Content-Length: ${MiB}`,
        "Expect: 100-continue",
        "Connection: close",
      ),
    );
    expect(statusOf(await readAll(socket, 2_000))).toBe(401);
  });
});

describe("a body of GET", () => {
  const ask = (method: string, path: string, body: Uint8Array, ...lines: string[]) => {
    const length = `Content-Length: ${body.length}`;
    const head = headOf(
      `${method} ${path} HTTP/1.1`,
      "Host: x",
      length,
      "Connection: close",
      ...lines,
    );
    return exchange(server.service.origin, Buffer.concat([head, body]));
  };

  it("is passed on: clients of Shaken Fist send one", async () => {
    const token = await server.service.login("system", server.systemKey);
    const body = Buffer.from('{"limit":1}');
    const path = "/artifacts/disk.img/events";
    const answer = await ask("GET", path, body, `Authorization: Bearer ${token}`);
    expect(answer.match(/"type":/gu) ?? answer).toHaveLength(1);
  });

  it.each(["GET", "HEAD"])("of %s is left alone where it means nothing", async (method) => {
    for (const size of [2, MiB]) {
      expect(statusOf(await ask(method, "/healthz", Buffer.alloc(size)))).toBe(200);
    }
  });
});
