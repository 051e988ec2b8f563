// A client of artifacts of many files: it declares them, then sends their bytes, whole or in pieces, and after a
// crash asks where each file goes on.

import { DebusineClient } from "../support/debusine-client.ts";
import type { BundleBody } from "../support/debusine-client.ts";
import type { Service } from "../support/service.ts";
import { Lost } from "./world.ts";
import type { World } from "./world.ts";

const MiB = 1024 * 1024;
const WORKSPACE = "crash";
const PATHS = ["a", "doc/one", "doc/two", "doc/deep/three", "img", "z/last"];

export class BundleClient {
  readonly #world: World;
  readonly #token: string;

  constructor(world: World, token: string) {
    this.#world = world;
    this.#token = token;
  }

  async run(): Promise<void> {
    while (!this.#world.isStopping) {
      await this.#makeOne();
    }
  }

  async #makeOne(): Promise<void> {
    const { random } = this.#world;
    const paths = PATHS.filter(() => random.chance(0.7));
    const files = new Map<string, Buffer>();
    for (const path of paths) {
      const bytes = this.#bytes();
      // One content, one path: it would be complete with another's.
      if (![...files.values()].some((other) => other.equals(bytes))) {
        files.set(path, bytes);
      }
    }
    const made = await this.#declare(files);
    if (made === null) {
      return; // what is not known cannot be gone on with: it is for the sweep
    }
    const missing = made.files_to_upload;
    const given = random.chance(0.2) ? missing.slice(1) : missing;
    for (const path of given) {
      const bytes = files.get(path) ?? Buffer.alloc(0);
      if (this.#world.isStopping || !(await this.#send(made.id, path, bytes))) {
        return;
      }
    }
    if (given === missing) {
      this.#world.bundles.set(made.id, files);
    }
  }

  #bytes(): Buffer {
    const { random } = this.#world;
    const most = random.pick([1, 1_000, MiB, 3 * MiB, 10 * MiB]);
    return most === 1 ? Buffer.alloc(0) : this.#world.content(most);
  }

  async #declare(files: Map<string, Buffer>): Promise<BundleBody | null> {
    try {
      return await this.#ask(
        "declare",
        (client) => client.create(Object.fromEntries(files), { workspace: WORKSPACE }),
        async (response) => {
          const body = (await response.json()) as BundleBody;
          this.#expect(response.status === 201, `declare: ${JSON.stringify(body)}`);
          return body;
        },
      );
    } catch (error) {
      return await this.#afterLoss(error, null);
    }
  }

  /** Sends a file to its end. */
  async #send(id: number, path: string, bytes: Buffer): Promise<boolean> {
    for (let held = 0; !this.#world.isStopping;) {
      const next = await this.#sendPiece(id, path, { bytes, held });
      if (next === "complete") {
        return true;
      }
      held = next;
    }
    return false;
  }

  async #sendPiece(
    id: number,
    path: string,
    { bytes, held }: { bytes: Buffer; held: number },
  ): Promise<number | "complete"> {
    const { random } = this.#world;
    const length = random.chance(0.5) ? bytes.length : random.upTo(4 * MiB) + 1;
    const end = Math.min(bytes.length, held + length);
    const isWhole = held === 0 && end === bytes.length;
    const range = isWhole ? undefined : `bytes ${held}-${end - 1}/${bytes.length}`;
    try {
      const state = await this.#put(id, path, bytes.subarray(held, end), range);
      this.#world.acknowledged += end - held;
      const isRight = state === (end === bytes.length ? "complete" : end);
      this.#expect(isRight, `PUT ${path} of ${id} up to ${end}: ${state}`);
      return state;
    } catch (error) {
      await this.#afterLoss(error, null);
      return await this.#resume(id, path, { total: bytes.length, held, end });
    }
  }

  /** After a lost answer the file ends where it did or where the piece would have it end. */
  async #resume(
    id: number,
    path: string,
    { total, held, end }: { total: number; held: number; end: number },
  ): Promise<number | "complete"> {
    for (;;) {
      try {
        const state = await this.#put(id, path, null, `bytes */${total}`);
        const isOne = state === held || state === end || (state === "complete" && end === total);
        this.#expect(isOne, `${path} of ${id} has ${state}, not ${held} or ${end}`);
        return state;
      } catch (error) {
        await this.#afterLoss(error, null);
      }
    }
  }

  #put(
    id: number,
    path: string,
    bytes: Buffer | null,
    range: string | undefined,
  ): Promise<number | "complete"> {
    return this.#ask(
      bytes === null ? "ask for a file" : "put",
      (client) => client.put(id, path, bytes, range),
      async (response) => {
        const { status, headers } = response;
        const text = await response.text();
        if (status === 206) {
          return Number(/^bytes=0-(\d+)$/u.exec(headers.get("Range") ?? "")?.[1]);
        }
        this.#expect(status === 200 || status === 201, `PUT ${path} of ${id}: ${status} ${text}`);
        return this.#stateOf(status, bytes, range);
      },
    );
  }

  /** A piece is answered 200 when more is missing, the last 201; a question 200 when nothing is. */
  #stateOf(status: number, bytes: Buffer | null, range: string | undefined): number | "complete" {
    const [, last, total] = /^bytes \d+-(\d+)\/(\d+)$/u.exec(range ?? "") ?? [];
    const isMore = bytes !== null && status === 200 && last !== undefined;
    return isMore && Number(last) + 1 < Number(total) ? Number(last) + 1 : "complete";
  }

  #ask<T>(
    kind: string,
    send: (client: DebusineClient) => Promise<Response>,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const headers = { Token: this.#token };
    const sendAs = (service: Service) => send(new DebusineClient(service, headers));
    return this.#world.ask(kind, sendAs, read);
  }

  async #afterLoss<T>(error: unknown, value: T): Promise<T> {
    if (!(error instanceof Lost)) {
      throw error;
    }
    await this.#world.waitForServer();
    return value;
  }

  #expect(isRight: boolean, problem: string): void {
    if (!isRight) {
      this.#world.problems.push(problem);
      throw new Error(problem);
    }
  }
}
