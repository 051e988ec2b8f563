import type { LeftOut } from "../manifest/left-out.ts";
import { LIMITS } from "../protocol/limits.ts";

/** What is left out of an archive: how many things, and the first of them by name, as many as there is room for. */
export class NotedLeftOut {
  #count: number;
  readonly #named: { path: Uint8Array; reason: string }[];
  #bytes: number;

  constructor({ count, named }: LeftOut) {
    this.#count = count;
    this.#named = [...named];
    this.#bytes = named.reduce((sum, { path }) => sum + path.length, 0);
  }

  /** Reads what toText() gave; null is nothing. */
  static parse(text: string | null): NotedLeftOut {
    // Written by toText().
    const { count, named } = JSON.parse(text ?? '{"count":0,"named":[]}') as {
      count: number;
      named: [string, string][];
    };
    return new NotedLeftOut({
      count,
      named: named.map(([path, reason]) => ({ path: Uint8Array.fromBase64(path), reason })),
    });
  }

  get all(): LeftOut {
    return { count: this.#count, named: this.#named };
  }

  add(path: Uint8Array, reason: string): void {
    this.#count += 1;
    this.#bytes += path.length;
    if (this.#named.length < LIMITS.leftOutNamed && this.#bytes <= LIMITS.leftOutBytes) {
      this.#named.push({ path, reason });
    }
  }

  toText(): string {
    const named = this.#named.map(({ path, reason }) => [path.toBase64(), reason]);
    return JSON.stringify({ count: this.#count, named });
  }
}
