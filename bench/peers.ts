// What a user would pick instead, in the same run on the same machine. Their disk is not our simulated R2, so no
// ratio is made of it. What cannot be had here says so and is left out.

import { execFileSync, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import {
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { NODE } from "../scripts/project.mjs";
import { freePort } from "../test/support/live-server.ts";
import { download, expectStatus, load } from "./client.ts";
import { Content, expectSame, sha256Of } from "./content.ts";
import { rounded } from "./measure.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const MB = 1_000_000;
const FOLDER = fileURLToPath(new URL("peers", import.meta.url));

/** A figure of something else than Stowage. */
export interface PeerRow {
  job: string;
  peer: string;
  unit: string;
  /** Null where it could not be measured. */
  value: number | null;
  /** What cannot be compared, or why there is no value. */
  note: string;
}

type Scaled = (full: number, least: number) => number;

/** Measures all peers with data in a folder. */
export async function measurePeers(folder: string, scaled: Scaled): Promise<PeerRow[]> {
  mkdirSync(folder);
  return [
    ...(await attempt("@tus/server", () => measureTus(join(folder, "tus"), scaled))),
    ...(await attempt("nginx", () => measureNginx(join(folder, "nginx"), scaled))),
    ...(await attempt("tar, gzip and zip", () => measureArchivers(join(folder, "files"), scaled))),
  ];
}

async function attempt(peer: string, measure: () => Promise<PeerRow[]>): Promise<PeerRow[]> {
  try {
    return await measure();
  } catch (error) {
    const note = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    return [{ job: "none", peer, unit: "", value: null, note: `could not be measured: ${note}` }];
  }
}

async function measureTus(folder: string, scaled: Scaled): Promise<PeerRow[]> {
  // Not beside the sources: what they need is no part of the project.
  const installed = `${folder}-server`;
  cpSync(FOLDER, installed, { recursive: true });
  const options = { cwd: installed, stdio: "pipe", timeout: 120_000 } as const;
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], options);
  const { version } = JSON.parse(
    readFileSync(join(installed, "node_modules/@tus/server/package.json"), "utf8"),
  ) as { version: string };
  mkdirSync(folder);
  const server = spawn(NODE, [join(installed, "tus-server.mjs"), folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [port] = (await once(server.stdout, "data")) as [Buffer];
    const origin = `http://127.0.0.1:${Number(port.toString())}`;
    const peer = `@tus/server ${version}, file store`;
    const note = "writes to a file; makes no checksum, keeps no copy of an interrupted append";
    const rows = [];
    for (const [title, size, piece, unit, bytes] of [
      ["upload of 1 GiB, 64 MiB an append", scaled(1024 * MiB, 64 * MiB), 64 * MiB, "MiB/s", MiB],
      ["upload of 256 MiB, 2 MiB an append", scaled(256 * MiB, 16 * MiB), 2 * MiB, "MiB/s", MiB],
      ["appends of 4 KiB, one client", scaled(1_500, 200) * 4 * KiB, 4 * KiB, "1/s", 4 * KiB],
      ["PATCHes of 64 MiB", scaled(256 * MiB, 64 * MiB), 64 * MiB, "MiB/s", MiB],
      ["PATCHes of 64 KiB, one client", scaled(500, 64) * 64 * KiB, 64 * KiB, "1/s", 64 * KiB],
    ] as const) {
      const content = new Content(size);
      const ms = await uploadByTus(`${origin}/files`, content, piece, folder);
      rows.push({ job: title, peer, unit, value: rounded((size / bytes / ms) * 1000), note });
    }
    return [...rows, ...(await lookByTus(`${origin}/files`, peer, scaled(400, 40)))];
  } finally {
    await stop(server);
  }
}

/** Opens uploads and looks at them, from eight clients at once. */
async function lookByTus(url: string, peer: string, count: number): Promise<PeerRow[]> {
  const tus = { "Tus-Resumable": "1.0.0" };
  const uploads: string[] = [];
  const created = await load(8, count, async () => {
    const call = { method: "POST", headers: { ...tus, "Upload-Length": 1 } };
    uploads.push(new URL((await expectStatus(201, url, call)).location, url).href);
  });
  const looked = await load(8, 5 * count, (number) =>
    expectStatus(200, uploads[number % count] ?? "", { method: "HEAD", headers: tus }),
  );
  const note = "a file beside the upload says what it is; asks nobody whether the client may";
  const row = (title: string, value: number) => ({
    job: `${title} by tus, 8 clients`,
    peer,
    unit: "1/s",
    value: rounded(value),
    note,
  });
  return [
    row("create", (count / created.ms) * 1000),
    row("HEAD", ((5 * count) / looked.ms) * 1000),
  ];
}

async function uploadByTus(
  url: string,
  content: Content,
  piece: number,
  folder: string,
): Promise<number> {
  const tus = { "Tus-Resumable": "1.0.0" };
  const opened = await expectStatus(201, url, {
    method: "POST",
    headers: { ...tus, "Upload-Length": content.size },
  });
  const upload = new URL(opened.location, url);
  let ms = 0;
  for (let offset = 0; offset < content.size; offset += piece) {
    const body = content.read(offset, piece);
    const headers = {
      ...tus,
      "Content-Type": "application/offset+octet-stream",
      "Upload-Offset": offset,
    };
    ms += (await expectStatus(204, upload.href, { method: "PATCH", headers, body })).ms;
  }
  const name = readdirSync(folder).find((file) => upload.pathname.endsWith(`/${file}`)) ?? "";
  const stored = createHash("sha256")
    .update(readFileSync(join(folder, name)))
    .digest("hex");
  expectSame(stored, content.checksums().sha256, "bytes of the tus server");
  return ms;
}

async function measureNginx(folder: string, scaled: Scaled): Promise<PeerRow[]> {
  mkdirSync(folder);
  const nginx = findNginx(folder);
  // It prints its version to standard error.
  const said = execFileSync("sh", ["-c", '"$0" -v 2>&1', nginx], { encoding: "utf8" });
  const peer = `nginx ${/nginx\/([\d.]+)/u.exec(said)?.[1] ?? ""}`;
  const port = await freePort();
  const content = new Content(scaled(1024 * MiB, 64 * MiB));
  writeContent(join(folder, "file.bin"), content);
  writeFileSync(join(folder, "nginx.conf"), nginxConfig(folder, port));
  const server = spawn(nginx, ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"], {
    stdio: "ignore",
  });
  try {
    await untilListening(port);
    const url = `http://127.0.0.1:${port}/file.bin`;
    await download(url, content.size);
    const { body, ms } = await download(url, content.size);
    expectSame(sha256Of(body), content.checksums().sha256, "bytes of nginx");
    const count = scaled(3_000, 300);
    const ranges = await load(16, count, async () => {
      const at = randomInt(content.size - 4 * KiB);
      const headers = { Range: `bytes=${at}-${at + 4 * KiB - 1}` };
      const answer = await expectStatus(206, url, { headers });
      expectSame(answer.body.equals(content.read(at, 4 * KiB)), true, "bytes of nginx");
    });
    const note = "sendfile from the page cache; asks nobody whether the client may read";
    const speed = rounded((content.size / MiB / ms) * 1000);
    const rate = rounded((count / ranges.ms) * 1000);
    return [
      { job: "download of 1 GiB", peer, unit: "MiB/s", value: speed, note },
      { job: "ranges of 4 KiB, 16 clients", peer, unit: "1/s", value: rate, note },
    ];
  } finally {
    await stop(server);
  }
}

/** Nginx of this machine, or Debian's package unpacked into a folder. */
function findNginx(folder: string): string {
  try {
    return execFileSync("which", ["nginx"], { encoding: "utf8" }).trim();
  } catch {
    const options = { cwd: folder, stdio: "pipe", timeout: 60_000 } as const;
    execFileSync("apt-get", ["download", "nginx"], options);
    const archive = readdirSync(folder).find((name) => name.endsWith(".deb")) ?? "";
    execFileSync("dpkg-deb", ["-x", archive, "package"], options);
    return join(folder, "package/usr/sbin/nginx");
  }
}

function nginxConfig(folder: string, port: number): string {
  // Started by root it would become somebody who may not read the folder.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  return `${user} daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr crit;
events { worker_connections 256; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server { listen 127.0.0.1:${port}; root ${folder}; }
}
`;
}

async function untilListening(port: number): Promise<void> {
  for (let round = 0; round < 50; round += 1) {
    try {
      await expectStatus(404, `http://127.0.0.1:${port}/none`);
      return;
    } catch {
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
  }
  throw new Error("nginx does not answer");
}

async function measureArchivers(folder: string, scaled: Scaled): Promise<PeerRow[]> {
  const trees = [
    { name: "400 MB in 100 files", count: scaled(100, 10), size: 4 * MB },
    { name: "10,000 files of 4 KiB", count: scaled(10_000, 100), size: 4 * KiB },
    { name: "100 MB in 25 files", count: scaled(25, 4), size: 4 * MB },
  ];
  const rows: PeerRow[] = [];
  for (const [at, { name, count, size }] of trees.entries()) {
    const tree = join(folder, String(at));
    mkdirSync(tree, { recursive: true });
    for (let file = 0; file < count; file += 1) {
      writeFileSync(join(tree, `${file}.bin`), randomBytes(size));
    }
    const commands =
      at < 2
        ? { tar: "tar -cf - .", zip: "zip -0 -r -q - ." }
        : { "tar.gz": "tar -cf - . | gzip -6" };
    for (const [format, command] of Object.entries(commands)) {
      const began = performance.now();
      execFileSync("sh", ["-c", `${command} | cat > /dev/null`], { cwd: tree, stdio: "pipe" });
      const ms = performance.now() - began;
      const value = rounded((count * size) / MB / (ms / 1000));
      const note = "files in the page cache, no network";
      rows.push({ job: `${format} of ${name}`, peer: command, unit: "MB/s", value, note });
    }
  }
  return rows;
}

function writeContent(path: string, content: Content): void {
  const file = openSync(path, "w");
  for (let at = 0; at < content.size; at += 16 * MiB) {
    writeSync(file, content.read(at, 16 * MiB));
  }
  closeSync(file);
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}
