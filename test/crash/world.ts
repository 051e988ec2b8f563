// What the clients of a crash test share: the server, which comes and goes, a journal of what was acknowledged, and
// what was counted.

import { createHash, randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import type { LiveServer } from "../support/live-server.ts";
import type { Service } from "../support/service.ts";
import type { Random } from "./random.ts";

const MiB = 1024 * 1024;

/** No answer came: the request may have done its work or not. */
export class Lost extends Error {
  override readonly name = "Lost";
}

/** What a version must hold. */
interface Content {
  size: number;
  sha512: string;
}

/** An artifact of which a version was acknowledged. */
export interface KnownArtifact {
  uuid: string;
  index: number;
  content: Content;
}

export class World {
  readonly random: Random;
  /** By name. */
  readonly artifacts = new Map<string, KnownArtifact>();
  /** Names that a request under way may change. */
  readonly busy = new Set<string>();
  /** Complete artifacts of many files, by id, and their files. */
  readonly bundles = new Map<number, Map<string, Buffer>>();
  readonly abandoned = new Set<string>();
  /** What must not have happened. */
  readonly problems: string[] = [];
  /** What checks found and repaired, by kind. */
  readonly differences = new Map<string, number>();
  readonly requests = new Map<string, { answered: number; lost: number }>();
  /** Requests answered. */
  answers = 0;
  acknowledged = 0;
  verified = 0;
  isStopping = false;
  #server: LiveServer | null = null;
  #isOver = false;
  #whenUp = Promise.withResolvers<void>();
  #bearer = "";
  readonly #pool = randomBytes(24 * MiB);

  constructor(random: Random) {
    this.random = random;
  }

  /** The server is there; `bearer` is good for it. */
  up(server: LiveServer, bearer: string): void {
    this.#server = server;
    this.#bearer = bearer;
    this.#whenUp.resolve();
  }

  /** The server is about to be killed. */
  down(): void {
    this.#server = null;
    this.#whenUp = Promise.withResolvers<void>();
  }

  /** The test is over: no client goes on, whatever it waits for. */
  end(): void {
    this.#isOver = true;
    this.#server = null;
    this.#whenUp.resolve();
  }

  /** Waits for the server, a moment at least: what was lost may have been the last answer before it fell. */
  async waitForServer(): Promise<void> {
    await delay(50);
    await this.#whenUp.promise;
    if (this.#isOver) {
      throw new Error("The test is over");
    }
  }

  /** Sends a request and reads its answer; throws `Lost` when none comes, or when it says to try again. */
  ask<T>(
    kind: string,
    send: (service: Service, bearer: string) => Promise<Response>,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    return this.#attempt(kind, async ({ service }) => {
      const response = await send(service, this.#bearer);
      if (response.status >= 500) {
        await this.#refused(kind, response);
      }
      return read(response);
    });
  }

  /** Fires the cron and waits for its end; throws `Lost` when the server falls meanwhile. */
  sweep(): Promise<void> {
    return this.#attempt("sweep", (server) => server.sweep());
  }

  async #attempt<T>(kind: string, act: (server: LiveServer) => Promise<T>): Promise<T> {
    await this.#whenUp.promise;
    const counts = this.requests.get(kind) ?? { answered: 0, lost: 0 };
    this.requests.set(kind, counts);
    try {
      if (this.#server === null) {
        throw new Lost(kind);
      }
      const answer = await act(this.#server);
      counts.answered += 1;
      this.answers += 1;
      return answer;
    } catch (error) {
      if (isLoss(error)) {
        counts.lost += 1;
        throw new Lost(kind, { cause: error });
      }
      throw error;
    }
  }

  /** A runtime that falls may answer for the Worker, which names its requests. */
  async #refused(kind: string, response: Response): Promise<never> {
    const text = await response.text();
    if (response.headers.has("X-Request-Id") && response.status === 500) {
      this.problems.push(`${kind}: ${text}`);
    }
    throw new Lost(`${kind}: ${response.status} ${text}`);
  }

  /** Bytes of which some clients have the same. */
  content(most: number): Buffer {
    const start = this.random.upTo(15) * MiB;
    const length = 1 + this.random.upTo(Math.min(most, this.#pool.length - start) - 1);
    return this.random.chance(0.2)
      ? this.#pool.subarray(start, start + Math.min(most, MiB + 1))
      : this.#pool.subarray(start, start + length);
  }
}

export function sha512(bytes: Uint8Array): string {
  return createHash("sha512").update(bytes).digest("hex");
}

/** fetch says TypeError when the connection fails, before or in the middle of an answer. */
function isLoss(error: unknown): boolean {
  return (
    error instanceof Lost ||
    error instanceof TypeError ||
    (error instanceof Error && "code" in error && /^E[A-Z]+$|^UND_ERR/u.test(String(error.code)))
  );
}
