// A client of the resumable uploads. It goes on after a crash as the documentation says: it asks for the size, cuts
// the upload back to what was acknowledged to it, and sends the rest.

import { setTimeout as delay } from "node:timers/promises";

import { appendSlowly } from "./slow-append.ts";
import { Lost, sha512 } from "./world.ts";
import type { World } from "./world.ts";

const MiB = 1024 * 1024;
const NAMES = 4;

export class UploadClient {
  readonly #world: World;
  readonly #name: string;
  readonly #isSlow: boolean;

  constructor(world: World, name: string, isSlow: boolean) {
    this.#world = world;
    this.#name = name;
    this.#isSlow = isSlow;
  }

  async run(): Promise<void> {
    while (!this.#world.isStopping) {
      await this.#uploadOne();
    }
  }

  async #uploadOne(): Promise<void> {
    const { random } = this.#world;
    const bytes = this.#world.content(random.chance(0.3) ? 20 * MiB : 2 * MiB);
    const uuid = await this.#open();
    if (uuid === null) {
      return; // nothing of it was acknowledged: what was opened is for the sweep
    }
    const isGivenUp = random.chance(0.15);
    const end = isGivenUp ? Math.ceil(bytes.length / 2) : bytes.length;
    for (let held = 0; held < end && !this.#world.isStopping;) {
      held = random.chance(0.1)
        ? await this.#truncate(uuid, held, random.upTo(held))
        : await this.#append(uuid, bytes, held);
    }
    if (isGivenUp || this.#world.isStopping) {
      this.#world.abandoned.add(uuid);
      return;
    }
    await this.#convert(uuid, bytes);
  }

  async #open(): Promise<string | null> {
    try {
      return await this.#world.ask(
        "open",
        (service, bearer) => service.send("POST", "/upload", undefined, bearer),
        async (response) => ((await response.json()) as { uuid: string }).uuid,
      );
    } catch (error) {
      return await this.#afterLoss(error, null);
    }
  }

  /** Gives how many bytes are held then. */
  async #append(uuid: string, bytes: Buffer, held: number): Promise<number> {
    const { random } = this.#world;
    const length = random.chance(0.4) ? random.upTo(9 * MiB) + 1 : random.upTo(100_000) + 1;
    const piece = bytes.subarray(held, held + length);
    const wanted = held + piece.length;
    try {
      const size = await this.#world.ask(
        this.#isSlow ? "slow append" : "append",
        (service, bearer) =>
          this.#isSlow
            ? appendSlowly(service.origin, uuid, piece, bearer)
            : service.append(uuid, piece as Uint8Array<ArrayBuffer>, bearer),
        (response) => response.json() as Promise<number>,
      );
      this.#expect(
        size === wanted,
        `append to ${uuid} gave ${JSON.stringify(size)}, not ${wanted}`,
      );
      this.#world.acknowledged += piece.length;
      return wanted;
    } catch (error) {
      await this.#afterLoss(error, null);
      return await this.#resume(uuid, held, wanted);
    }
  }

  async #truncate(uuid: string, held: number, target: number): Promise<number> {
    try {
      await this.#world.ask(
        "truncate",
        (service, bearer) => service.truncate(uuid, target, bearer),
        async (response) => {
          const text = await response.text();
          this.#expect(response.status === 200, `truncate of ${uuid}: ${response.status} ${text}`);
        },
      );
      return target;
    } catch (error) {
      await this.#afterLoss(error, null);
      return await this.#resume(uuid, target, held);
    }
  }

  /** After a lost answer the upload ends where it did, or where the request would have it end; nowhere else. Some
   * clients go on from there, others from `known`, which is the lesser. */
  async #resume(uuid: string, known: number, possible: number): Promise<number> {
    for (;;) {
      try {
        const size = await this.#world.ask(
          "status",
          (service, bearer) => service.fetch(`/upload/${uuid}`, { bearer }),
          async (response) => ((await response.json()) as { size: number }).size,
        );
        const isOne = size === known || size === possible;
        this.#expect(isOne, `upload ${uuid} has ${size} bytes, not ${known} or ${possible}`);
        if (size === known || this.#world.random.chance(0.5)) {
          return size;
        }
        return await this.#truncate(uuid, size, known);
      } catch (error) {
        await this.#afterLoss(error, null);
      }
    }
  }

  async #convert(uuid: string, bytes: Buffer): Promise<void> {
    const { busy, artifacts } = this.#world;
    const content = { size: bytes.length, sha512: sha512(bytes) };
    const name = `${this.#name}-${this.#world.random.upTo(NAMES - 1)}`;
    while (busy.has(name)) {
      await delay(20);
    }
    busy.add(name);
    for (;;) {
      try {
        const made = await this.#world.ask(
          "convert",
          (service, bearer) =>
            service.send(
              "POST",
              `/artifacts/upload/${name}`,
              { upload_uuid: uuid, ...content },
              bearer,
            ),
          async (response) => {
            if (response.status === 409) {
              throw new Lost(await response.text()); // it is being sealed: ask again
            }
            const body = (await response.json()) as { uuid: string; index: number };
            this.#expect(response.status === 200, `convert ${uuid}: ${JSON.stringify(body)}`);
            return body;
          },
        );
        artifacts.set(name, { uuid: made.uuid, index: made.index, content });
        busy.delete(name);
        return;
      } catch (error) {
        await this.#afterLoss(error, null);
        await delay(100);
      }
    }
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
