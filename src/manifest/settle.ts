// What an archive has in its order -> what its tree is to have: of several members with one path the last, for each name of
// another member that member's bytes. A name that leads to no file is left out, and why is told.

import { toText } from "./byte-reader.ts";
import { compareBytes } from "./front-coding.ts";
import { MemberWriter } from "./members.ts";
import type { Members } from "./members.ts";

const encoder = new TextEncoder();

/** Links that one may lead through, as on Linux (path_resolution(7), ELOOP). */
const MOST_HOPS = 40;
/** Segments of a path, which has 1,000 bytes. */
const MOST_SEGMENTS = 500;
/** Look-ups after which others get their turn: some milliseconds. */
const LOOKUPS_AT_ONCE = 1_024;

/** Why a link is left out. */
const REASONS = {
  nowhere: "is a link that leads nowhere",
  outside: "is a link that leads out of the archive",
  endless: "is a link that leads through too many others, or to itself",
  folder: "is a link to a folder",
} as const;

type Reason = keyof typeof REASONS;

/** Members that may become a tree. */
interface Settled {
  members: Members;
  /** Positions of those that the tree is to have, in order. */
  order: Uint32Array;
  /** Links that became files. */
  linked: number;
  /** Links that did not. */
  leftOut: { path: Uint8Array; reason: string }[];
}

interface SettleOptions {
  /** Look-ups that all links together may need, and bytes that their records may take. */
  lookups: number;
  bytes: number;
  /** Lets others have their turn. */
  pause: () => Promise<void>;
}

/** Settles members; null where links need more than `options` allow. */
export async function settleMembers(
  members: Members,
  { lookups, bytes, pause }: SettleOptions,
): Promise<Settled | null> {
  const sorted = members.sorted();
  const last = lastOfEach(members, sorted);
  const links = new Links(members, sorted, last);
  const writer = new MemberWriter(members.keys);
  const leftOut: Settled["leftOut"] = [];
  const order = last.slice();
  /** Places in `order` of links that become files. */
  const linked: number[] = [];
  let [rested, written] = [0, 0];
  for (const [at, position] of last.entries()) {
    const alias = members.aliasAt(position);
    if (alias !== null) {
      const found = links.follow(position);
      if (typeof found === "number") {
        written += addAs(writer, members, found, toText(alias.path));
        linked.push(at);
      } else {
        leftOut.push({ path: alias.path, reason: REASONS[found] });
        order[at] = NOBODY;
      }
    }
    if (links.lookups > lookups || written > bytes) {
      return null;
    }
    if (links.lookups - rested >= LOOKUPS_AT_ONCE) {
      rested = links.lookups;
      await pause();
    }
  }
  const whole = members.with(writer.takeChunks());
  const added = whole.positions().subarray(members.positions().length);
  linked.forEach((at, number) => {
    order[at] = added[number] ?? NOBODY;
  });
  const kept = order.filter((position) => position !== NOBODY);
  return { members: whole, order: kept, linked: linked.length, leftOut };
}

/** No position: a chunk has its length before its first record. */
const NOBODY = 0;

/** Adds the file at a position by another path; gives the bytes that its record takes, about. */
function addAs(writer: MemberWriter, members: Members, position: number, path: string): number {
  const file = members.fileAt(position);
  const extents = file.extents.map(({ key, start, length }) =>
    key === null
      ? ({ key, start: 0, length } as const)
      : { key: members.keys[key] ?? "", start, length },
  );
  writer.addFile({ ...file, path, extents });
  return 3 * path.length + 160 + 12 * extents.length;
}

/** The last member of each path; those of one path are sorted as they were added. */
function lastOfEach(members: Members, sorted: Uint32Array): Uint32Array {
  return sorted.filter((position, at) => {
    const next = sorted[at + 1];
    return next === undefined || compareBytes(members.pathAt(position), members.pathAt(next)) !== 0;
  });
}

class Links {
  lookups = 0;
  readonly #members: Members;
  readonly #sorted: Uint32Array;
  readonly #last: Uint32Array;

  /** `last` are the members of `sorted` that the tree has. */
  constructor(members: Members, sorted: Uint32Array, last: Uint32Array) {
    this.#members = members;
    this.#sorted = sorted;
    this.#last = last;
  }

  /** The position of the file that a link leads to, or why it does not. */
  follow(link: number): number | Reason {
    const real = this.#beneath(link);
    if (typeof real === "string") {
      return real;
    }
    const alias = this.#members.aliasAt(real);
    // A hard link to a symbolic one is the same, in another folder.
    const from = this.#members.aliasAt(link);
    return alias === null || from === null
      ? real
      : this.#walk(toText(from.path).split("/").slice(0, -1), alias.target);
  }

  /** Follows hard links, each to what had its target's path when it came, down to a file or a symbolic link. */
  #beneath(link: number): number | Reason {
    let position = link;
    for (let hops = 0; hops <= MOST_HOPS; hops += 1) {
      const alias = this.#members.aliasAt(position);
      if (alias?.isHard !== true) {
        return position;
      }
      const segments = segmentsOf(alias.target);
      if (segments.includes("..")) {
        return "outside";
      }
      const target = this.#findBefore(segments.join("/"), position);
      if (target === null) {
        return "nowhere";
      }
      position = target;
    }
    return "endless";
  }

  /** Follows a symbolic link that lies in `folder`, through others that it meets. */
  #walk(folder: readonly string[], target: string): number | Reason {
    const walk: Walk = { path: [...folder], ahead: [], found: null, hops: 0 };
    let stop = turn(walk, target);
    while (stop === null && walk.ahead.length > 0) {
      stop = this.#step(walk, walk.ahead.pop() ?? "");
    }
    return stop ?? walk.found ?? this.#withoutFile(walk.path);
  }

  /** Goes on by a segment; gives why that cannot be. */
  #step(walk: Walk, segment: string): Reason | null {
    if (walk.found !== null || walk.path.length === MOST_SEGMENTS) {
      return "nowhere"; // below a file
    }
    if (segment === "..") {
      return walk.path.pop() === undefined ? "outside" : null;
    }
    walk.path.push(segment);
    const met = this.#meet(walk.path);
    if (typeof met === "string") {
      return met;
    }
    if (typeof met === "number" || met === null) {
      walk.found = met;
      return null;
    }
    walk.path.pop();
    return turn(walk, met.target);
  }

  /** What is at a path: a file, a symbolic link, nothing or a folder (null), or why that cannot be said. */
  #meet(path: readonly string[]): number | { target: string } | Reason | null {
    const position = this.#find(path.join("/"));
    const real = position === null ? null : this.#beneath(position);
    if (typeof real !== "number") {
      return real;
    }
    return this.#members.aliasAt(real) ?? real;
  }

  /** Why a path without a file leads to none. */
  #withoutFile(path: readonly string[]): Reason {
    const prefix = encoder.encode(path.map((segment) => `${segment}/`).join(""));
    const next = this.#last[this.#countBefore(this.#last, prefix)];
    const below = next === undefined ? null : this.#members.pathAt(next);
    const isFolder = below !== null && compareBytes(below.subarray(0, prefix.length), prefix) === 0;
    return isFolder ? "folder" : "nowhere";
  }

  /** The member of a path. */
  #find(path: string): number | null {
    return this.#at(this.#last, encoder.encode(path));
  }

  /** The last member of a path that came before a position. */
  #findBefore(path: string, position: number): number | null {
    const wanted = encoder.encode(path);
    let found: number | null = null;
    for (let at = this.#countBefore(this.#sorted, wanted); ; at += 1) {
      const next = this.#sorted[at];
      const isSame = next !== undefined && this.#members.comparePath(next, wanted) === 0;
      if (!isSame || next >= position) {
        return found;
      }
      this.lookups += 1;
      found = next;
    }
  }

  #at(order: Uint32Array, wanted: Uint8Array): number | null {
    const position = order[this.#countBefore(order, wanted)];
    return position !== undefined && this.#members.comparePath(position, wanted) === 0
      ? position
      : null;
  }

  /** How many paths are before one, by halving. */
  #countBefore(order: Uint32Array, wanted: Uint8Array): number {
    this.lookups += 1;
    let [low, high] = [0, order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#members.comparePath(order[middle] ?? NOBODY, wanted) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}

/** Where following a symbolic link has come. */
interface Walk {
  /** Segments of the path so far, and those that are ahead, the next one last. */
  path: string[];
  ahead: string[];
  /** The position of the file at the path. */
  found: number | null;
  /** Links so far. */
  hops: number;
}

/** Puts the target of a link ahead; gives why that cannot be. */
function turn(walk: Walk, target: string): Reason | null {
  walk.hops += 1;
  if (walk.hops > MOST_HOPS) {
    return "endless";
  }
  walk.ahead.push(...segmentsOf(target).toReversed());
  return target.startsWith("/") ? "outside" : null;
}

function segmentsOf(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "" && segment !== ".");
}
