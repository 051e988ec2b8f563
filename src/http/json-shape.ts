// The shape of a JSON text, before it becomes values: brackets are cheap to send, while each value takes memory, and
// what walks deep ones (SQLite, JSON.stringify) gives up at depths of its own.

/** Bounds of a JSON text. */
export interface JsonBounds {
  /** Arrays and objects within each other. */
  depth: number;
  /** Members of all of them, and they themselves. */
  values: number;
}

/** Is told of each bracket and comma with its place, and the depth within its brackets. */
export type JsonWatch = (mark: number, at: number, depth: number) => void;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
/** What opens and closes arrays and objects. */
export const OPENING = new Set([0x5b, 0x7b]);
export const CLOSING = new Set([0x5d, 0x7d]);

/** Does a text keep to the bounds, as far as it is JSON? Linear in its length, without memory of its own. */
export function isWithinBounds(text: string, bounds: JsonBounds): boolean {
  return new JsonScan(text, bounds, () => {}).step(Infinity) !== "beyond";
}

/** Looks through a JSON text, as far as it is JSON, some characters at a time. */
export class JsonScan {
  readonly #text: string;
  readonly #bounds: JsonBounds;
  readonly #watch: JsonWatch;
  #at = 0;
  #depth = 0;
  #values = 0;
  #isInString = false;

  constructor(text: string, bounds: JsonBounds, watch: JsonWatch) {
    this.#text = text;
    this.#bounds = bounds;
    this.#watch = watch;
  }

  /** Goes on for `count` characters: there may be more, it is over, or it is beyond the bounds. */
  step(count: number): "more" | "over" | "beyond" {
    const end = Math.min(this.#text.length, this.#at + count);
    while (this.#at < end) {
      if (this.#isInString) {
        this.#skipString(end);
      } else if (!this.#readOn(end)) {
        return "beyond";
      }
    }
    return this.#at < this.#text.length ? "more" : "over";
  }

  /** Reads up to the beginning of a string; says whether the bounds are kept. */
  #readOn(end: number): boolean {
    while (this.#at < end) {
      const code = this.#text.charCodeAt(this.#at);
      this.#at += 1;
      if (code === QUOTE) {
        this.#isInString = true;
        return true;
      }
      if (!this.#note(code)) {
        return false;
      }
    }
    return true;
  }

  #note(code: number): boolean {
    const at = this.#at - 1;
    switch (code) {
      case COMMA:
        this.#values += 1;
        this.#watch(code, at, this.#depth);
        break;
      case 0x5b: // [
      case 0x7b: // {
        this.#values += 1;
        this.#depth += 1;
        this.#watch(code, at, this.#depth);
        break;
      case 0x5d: // ]
      case 0x7d: // }
        this.#watch(code, at, this.#depth);
        this.#depth -= 1;
        break;
      default:
        return true;
    }
    return this.#depth <= this.#bounds.depth && this.#values <= this.#bounds.values;
  }

  /** Reads up to behind a string's end; an escaped character may lie behind `end`. */
  #skipString(end: number): void {
    for (; this.#at < end; this.#at += 1) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === BACKSLASH) {
        this.#at += 1;
      } else if (code === QUOTE) {
        this.#at += 1;
        this.#isInString = false;
        return;
      }
    }
  }
}
