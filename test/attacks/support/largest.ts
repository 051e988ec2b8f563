// What an operation takes that a stranger shapes, as large, as deep and as many as it gets: in its address and queries, and in each
// member of its body. What the running service describes is what is shaped.

import { addressOf, bodyOf } from "./operations.ts";
import type { Operation, Things } from "./operations.ts";
import type { Tenant } from "./target.ts";

const KiB = 1024;
/** Characters of one part of an address: the runtime takes little more in all. */
const ADDRESS = 6 * KiB;
/** Bytes of one member of a body: what nearly all bodies may have, and what few may, of that which is most work. */
const MEMBER = 60 * KiB;
const LARGE_MEMBER = 1024 * KiB;
const LARGE = new Set(["escaped characters", "many values", "many members"]);

function repeated(text: string, size: number): string {
  return text.repeat(Math.ceil(size / text.length)).slice(0, size);
}

const TEXTS: Record<string, (size: number) => string> = {
  "one character": (size) => "a".repeat(size),
  folders: (size) => `${repeated("a/", size - (size % 2))}f`,
  dots: (size) => repeated("../", size - (size % 3)),
  escapes: (size) => repeated("%C3%A9", size - (size % 6)),
  digits: (size) => "9".repeat(size),
  commas: (size) => repeated("1,", size),
  quotes: (size) => repeated("'%22\\", size - (size % 5)),
};

function nested(open: string, close: string, depth: number): string {
  return `${open.repeat(depth)}1${close.repeat(depth)}`;
}

/** Texts in JSON. */
const VALUES: Record<string, (size: number) => string> = {
  ...Object.fromEntries(
    Object.entries(TEXTS).map(([name, make]) => [name, (size) => JSON.stringify(make(size))]),
  ),
  "characters of many bytes": (size) => JSON.stringify("\u{1F600}".repeat(size / 4)),
  "escaped characters": (size) => `"${"\\u00e9".repeat(size / 6)}"`,
  "a long number": (size) => "9".repeat(size),
  "many values": (size) => `[${"1,".repeat(size / 2)}1]`,
  "many members": (size) =>
    `{${Array.from({ length: size / 14 }, (_, at) => `"m${at}":{}`).join(",")}}`,
  "arrays within each other": () => nested("[", "]", 90),
  "objects within each other": () => nested('{"a":', "}", 90),
  "arrays too deep": (size) => nested("[", "]", size / 2),
};

/** Addresses in which one part, or one query, is as long as it may be. */
export function longAddressesOf(operation: Operation, tenant: Tenant, things: Things): string[] {
  const plain = addressOf(operation, tenant, things);
  const names = [...operation.path.matchAll(/\{(\w+)\}/gu)].map(([, name = ""]) => name);
  const inPath = names.flatMap((name) =>
    Object.values(TEXTS).map((make) => {
      const text = make(ADDRESS);
      const isRest = operation.path.endsWith(`{${name}}`);
      const part = isRest ? text : text.replaceAll("/", "%2F");
      return addressOf(
        { ...operation, path: operation.path.replace(`{${name}}`, part) },
        tenant,
        things,
      );
    }),
  );
  const inQuery = operation.queries.flatMap((name) =>
    Object.values(TEXTS).map((make) => `${plain}?${name}=${make(ADDRESS)}`),
  );
  return [...inPath, ...inQuery, `${plain}?${repeated("q=1&", ADDRESS)}`];
}

/** Bodies in which one member is as large as it may be, and the others are as they should. */
export function* largestBodiesOf(
  operation: Operation,
  tenant: Tenant,
  things: Things,
): Generator<string> {
  if (operation.mediaType !== "application/json") {
    return;
  }
  const plain = JSON.parse(bodyOf(operation, tenant, things) ?? "{}") as object;
  for (const name of Object.keys(plain)) {
    const others = Object.entries(plain).filter(([other]) => other !== name);
    const rest = others.map(
      ([other, value]) => `,${JSON.stringify(other)}:${JSON.stringify(value)}`,
    );
    for (const [kind, make] of Object.entries(VALUES)) {
      for (const size of LARGE.has(kind) ? [MEMBER, LARGE_MEMBER] : [MEMBER]) {
        yield `{${JSON.stringify(name)}:${make(size)}${rest.join("")}}`;
      }
    }
  }
}
