// A large JSON text becomes values a part at a time: JSON.parse() cannot be stopped, and an object with a million keys takes it a
// second. What is large may only be the members of what the outermost object has: the files of a declaration.

import { LIMITS } from "../protocol/limits.ts";
import { Pace } from "../protocol/pace.ts";
import { CLOSING, COMMA, JsonScan, OPENING } from "./json-shape.ts";
import type { JsonBounds } from "./json-shape.ts";

/** Units of work for a character that is looked at, and for one that is parsed. */
const COST = { scanned: 0.3, parsed: 4 };

/** An object or array in the outermost one, large enough to be parsed in parts: its text is from `from` to `to`, without its
 * brackets, and is cut at these commas. */
interface Container {
  from: number;
  to: number;
  isArray: boolean;
  cuts: number[];
}

/** Parses a JSON text and lets others in meanwhile; null where it is beyond the bounds. Throws a SyntaxError like JSON.parse(). */
export async function parseJsonInSteps(
  text: string,
  bounds: JsonBounds,
): Promise<{ value: unknown } | null> {
  const pace = new Pace();
  const outline = new Outline(text);
  const scan = new JsonScan(text, bounds, outline.note);
  for (let step = scan.step(LIMITS.jsonStep); ; step = scan.step(LIMITS.jsonStep)) {
    if (step === "beyond" || outline.isBeyond) {
      return null;
    }
    if (step === "over") {
      break;
    }
    await pace.spendAndRest(LIMITS.jsonStep * COST.scanned);
  }
  return { value: await parseOutline(text, outline.containers, pace) };
}

/** Finds the large containers. */
class Outline {
  readonly #text: string;
  readonly containers: Container[] = [];
  #current: Container | null = null;
  /** Where the last cut is, and where the member under way begins. */
  #cut = 0;
  #member = 0;
  #members = 0;
  isBeyond = false;

  constructor(text: string) {
    this.#text = text;
  }

  readonly note = (mark: number, at: number, depth: number): void => {
    if (depth === 1 && mark === COMMA) {
      this.#members += 1;
      this.isBeyond ||= this.#members > LIMITS.jsonOuterMembers;
    } else if (depth === 2) {
      this.#noteInner(mark, at);
    }
  };

  #noteInner(mark: number, at: number): void {
    if (OPENING.has(mark)) {
      this.#current = { from: at + 1, to: at + 1, isArray: this.#text[at] === "[", cuts: [] };
      this.#cut = at + 1;
    } else {
      this.isBeyond ||= at - this.#member > LIMITS.jsonMember;
    }
    this.#member = at + 1;
    if (mark === COMMA && at - this.#cut >= LIMITS.jsonStep) {
      this.#current?.cuts.push(at);
      this.#cut = at;
    }
    if (CLOSING.has(mark) && this.#current !== null) {
      this.#current.to = at;
      if (this.#current.cuts.length > 0) {
        this.containers.push(this.#current);
      }
      this.#current = null;
    }
  }
}

/** Parses the text with a word in place of each container, then puts those there. */
async function parseOutline(
  text: string,
  containers: readonly Container[],
  pace: Pace,
): Promise<unknown> {
  const word = crypto.randomUUID();
  let outer = "";
  let at = 0;
  for (const [index, { from, to }] of containers.entries()) {
    outer += `${text.slice(at, from - 1)}"${word} ${index}"`;
    at = to + 1;
  }
  const value: unknown = JSON.parse(outer + text.slice(at));
  if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      const container =
        typeof member === "string" && member.startsWith(word)
          ? containers[Number(member.slice(word.length))]
          : undefined;
      if (container !== undefined) {
        const filled = await parseContainer(text, container, pace);
        Object.defineProperty(value, name, { value: filled });
      }
    }
  }
  return value;
}

async function parseContainer(
  text: string,
  { from, to, isArray, cuts }: Container,
  pace: Pace,
): Promise<unknown> {
  const items: unknown[] = [];
  // Without a prototype: "__proto__" is a name as any other.
  const members: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  let start = from;
  for (const end of [...cuts, to]) {
    const part = text.slice(start, end);
    if (part.trim() === "") {
      throw new SyntaxError("Unexpected comma in JSON");
    }
    if (isArray) {
      for (const item of JSON.parse(`[${part}]`) as unknown[]) {
        items.push(item);
      }
    } else {
      Object.assign(members, JSON.parse(`{${part}}`));
    }
    start = end + 1;
    await pace.spendAndRest(part.length * COST.parsed);
  }
  return isArray ? items : members;
}
