// `npm start` as a process of its own, on its own port and state folder, to be killed and started again.

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { killTree, processTree } from "./process-tree.ts";
import { Service } from "./service.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LINE_LIMIT_MS = 60_000;
const KEPT_LINES = 100;

/** A port that is free now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

/** Starts the server and waits until it answers. */
export async function startLiveServer(state: string, port: number): Promise<LiveServer> {
  const child = spawn(process.execPath, ["scripts/start.mjs"], {
    cwd: ROOT,
    env: { ...process.env, PORT: String(port), STOWAGE_STATE: state },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const server = new LiveServer(child, new Service(`http://127.0.0.1:${port}`));
  await server.nextLine(/^Ctrl-C stops it/u);
  return server;
}

export class LiveServer {
  readonly service: Service;
  readonly #child: ChildProcess;
  /** The last that it printed. */
  readonly #lines: string[] = [];
  readonly #waiting = new Set<(line: string) => void>();

  constructor(child: ChildProcess, service: Service) {
    this.#child = child;
    this.service = service;
    for (const input of [child.stdout, child.stderr]) {
      if (input !== null) {
        createInterface({ input }).on("line", (line) => this.#take(line));
      }
    }
  }

  #take(line: string): void {
    this.#lines.push(line);
    this.#lines.splice(0, this.#lines.length - KEPT_LINES);
    this.#waiting.forEach((see) => see(line));
  }

  /** What it printed last. */
  printed(): string {
    return this.#lines.join("\n");
  }

  /** Waits until it prints such a line; rejects as fetch does when it ends without. */
  async nextLine(pattern: RegExp): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const see = (line: string) => pattern.test(line) && resolve();
    const fail = () => reject(new TypeError(`Not printed:\n${this.#lines.join("\n")}`));
    this.#waiting.add(see);
    this.#child.once("exit", fail);
    const timer = setTimeout(fail, LINE_LIMIT_MS);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#child.off("exit", fail);
      this.#waiting.delete(see);
    }
  }

  /** Fires the cron and waits for its end. */
  async sweep(): Promise<void> {
    const ended = this.nextLine(/^\{"event":"sweep"/u);
    this.#child.kill("SIGUSR2");
    await ended;
  }

  /** The key of the workspace `system`, as the start wrote it. */
  get systemKey(): string {
    const text = readFileSync(new URL("../../.dev.vars", import.meta.url), "utf8");
    return /^SYSTEM_KEY=(.+)$/mu.exec(text)?.[1] ?? "";
  }

  /** The process ids of the server and all that it started. */
  pids(): number[] {
    return processTree(this.#child);
  }

  /** Ends every process at once, without a word of warning. */
  kill(): Promise<void> {
    return killTree(this.#child);
  }

  /** Ends the server as Ctrl-C does. */
  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGINT");
    await exited;
  }
}
