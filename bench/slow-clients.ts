// Clients on a bad line: each begins an append of which a KiB comes a second, and begins anew when it is cut off.

import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const PIECE = Buffer.alloc(1024, 1);
const LENGTH = 1024 * 1024;
const PAUSE_MS = 1_000;

/** Sends to each address until stopped. */
export class SlowClients {
  readonly #control = new AbortController();
  readonly #running: Promise<void>[];
  /** Connections begun. */
  begun = 0;

  constructor(urls: readonly string[], headers: Record<string, string>) {
    this.#running = urls.map((url) => this.#dribble(new URL(url), headers));
  }

  async stop(): Promise<void> {
    this.#control.abort();
    await Promise.all(this.#running);
  }

  async #dribble(url: URL, headers: Record<string, string>): Promise<void> {
    const { signal } = this.#control;
    while (!signal.aborted) {
      await this.#append(url, headers).catch(() => {});
      await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
    }
  }

  async #append({ hostname, port, pathname }: URL, headers: Record<string, string>): Promise<void> {
    const { signal } = this.#control;
    const socket = connect({ host: hostname, port: Number(port), signal });
    socket.on("error", () => {});
    socket.resume();
    await once(socket, "connect", { signal });
    this.begun += 1;
    const lines = Object.entries({ Host: "a", "Content-Length": LENGTH, ...headers });
    socket.write(`POST ${pathname} HTTP/1.1\r\n`);
    socket.write(`${lines.map(([name, value]) => `${name}: ${value}`).join("\r\n")}\r\n\r\n`);
    while (!socket.closed && !signal.aborted) {
      socket.write(PIECE);
      await sleep(PAUSE_MS, undefined, { signal });
    }
  }
}
