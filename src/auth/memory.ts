import { LIMITS } from "../protocol/limits.ts";

/** What an isolate found out about credentials a moment ago. */
export class Memory<Value> {
  readonly #entries = new Map<string, { value: Value; until: number }>();

  get(name: string, now: number): Value | null {
    const entry = this.#entries.get(name);
    return entry !== undefined && entry.until > now ? entry.value : null;
  }

  /** Remembers a value for `LIMITS.keyMemory` from the time at which it was found, and not past `end`; one that is
   * remembered is not for longer. */
  add(name: string, value: Value, now: number, end: number | null = null): void {
    if (this.get(name, now) === value) {
      return;
    }
    if (this.#entries.size >= LIMITS.keysRemembered) {
      this.#entries.clear();
    }
    const until = Math.min(now + LIMITS.keyMemory, end ?? Infinity);
    this.#entries.set(name, { value, until });
  }

  remove(name: string): void {
    this.#entries.delete(name);
  }

  /** Forgets the values that a change concerns: those of others stay, so that nobody makes them be asked for again. */
  forget(isConcerned: (value: Value) => boolean): void {
    for (const [name, { value }] of this.#entries) {
      if (isConcerned(value)) {
        this.#entries.delete(name);
      }
    }
  }
}
