// Functions and modules of WebAssembly as bytes; clauses are of the WebAssembly Core Specification 2.0.

import { END, i32, I32, unsigned } from "./instructions.mjs";

/** @typedef {import("./instructions.mjs").Code} Code */

/** Sections in their order (5.5.2). */
const SECTION = { types: 1, functions: 3, memories: 5, globals: 6, exports: 7, code: 10, data: 11 };

/** What an export is (5.5.10). */
const KIND = { function: 0, memory: 2, global: 3 };

/** A memory that grows no further (5.3.7), a global that never changes (5.3.10), data at an address (5.5.14). */
const HAS_MAXIMUM = 1;
const CONSTANT = 0;
const AT = 0;

/** The type of a function (5.3.6). */
const FUNCTION = 0x60;

/** A function without a result, whose parameters are of i32. */
export class Func {
  /** @type {number[]} */
  #locals = [];
  /** @type {Code[]} */
  #code = [];

  /**
   * @param {string} name under which it is exported
   * @param {number} parameters how many; they are the first locals, from 0 on
   */
  constructor(name, parameters) {
    this.name = name;
    this.parameters = parameters;
  }

  /**
   * A new local, zero at first.
   * @param {number} type
   */
  local(type) {
    this.#locals.push(type);
    return this.parameters + this.#locals.length - 1;
  }

  /**
   * @param {number} type
   * @param {number} count
   */
  locals(type, count) {
    return Array.from({ length: count }, () => this.local(type));
  }

  /** @param {Code} code */
  emit(code) {
    this.#code.push(code);
  }

  /** Its entry of the section of types (5.3.6). */
  get type() {
    return [FUNCTION, list(Array.from({ length: this.parameters }, () => I32)), list([])];
  }

  /** Its entry of the section of code (5.5.13). */
  get body() {
    const locals = list(this.#locals.map((type) => [unsigned(1), type]));
    return sized([locals, this.#code, END]);
  }
}

/**
 * @param {Code} code
 * @returns {number[]}
 */
function bytesOf(code) {
  return typeof code === "number" ? [code] : code.flatMap((part) => bytesOf(part));
}

/**
 * A list with its length (5.1.3).
 * @param {readonly Code[]} items
 * @returns {Code[]}
 */
function list(items) {
  return [unsigned(items.length), items];
}

/**
 * Code with its size in bytes.
 * @param {readonly Code[]} code
 * @returns {Code[]}
 */
function sized(code) {
  const bytes = bytesOf(code);
  return [unsigned(bytes.length), bytes];
}

/** @param {string} name */
const nameOf = (name) => list([...new TextEncoder().encode(name)]);

/**
 * A module (5.5) that exports one memory, functions and numbers.
 * @param {object} parts
 * @param {readonly Func[]} parts.functions
 * @param {Readonly<Record<string, number>>} parts.numbers exported as constants
 * @param {number} parts.pages of 64 KiB that the memory has
 * @param {readonly { at: number, bytes: readonly number[] }[]} parts.data what is in memory at first
 */
export function assemble({ functions, numbers, pages, data }) {
  const globals = Object.entries(numbers);
  const exports = [
    [nameOf("memory"), KIND.memory, unsigned(0)],
    ...functions.map(({ name }, at) => [nameOf(name), KIND.function, unsigned(at)]),
    ...globals.map(([name], at) => [nameOf(name), KIND.global, unsigned(at)]),
  ];
  /** @type {[number, Code[]][]} */
  const sections = [
    [SECTION.types, list(functions.map(({ type }) => type))],
    [SECTION.functions, list(functions.map((_, type) => unsigned(type)))],
    [SECTION.memories, list([[HAS_MAXIMUM, unsigned(pages), unsigned(pages)]])],
    [SECTION.globals, list(globals.map(([, value]) => [I32, CONSTANT, i32.const(value), END]))],
    [SECTION.exports, list(exports)],
    [SECTION.code, list(functions.map(({ body }) => body))],
    [SECTION.data, list(data.map(({ at, bytes }) => [AT, i32.const(at), END, list(bytes)]))],
  ];
  const header = [...new TextEncoder().encode("\0asm"), 1, 0, 0, 0];
  return Uint8Array.from(bytesOf([header, sections.map(([id, code]) => [id, sized(code)])]));
}

/**
 * An item of a list that begins again behind its last.
 * @template T
 * @param {readonly T[]} items
 * @param {number} index not negative
 * @returns {T}
 */
export function around(items, index) {
  const item = items[index % items.length];
  if (item === undefined) {
    throw new Error(`Cannot take item ${index} of ${items.length}`);
  }
  return item;
}
