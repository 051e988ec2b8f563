// A second reader of manifests, written from docs/manifest.md alone: it reads all from the beginning to the end and
// checks nothing. What it and src/manifest/ make of the same bytes is the same.

/** A file or folder as the page describes it; hashes in hex. */
export interface PlainEntry {
  path: string;
  folder?: number[];
  size?: number;
  extents?: [string | null, number, number][];
  hashes?: string[];
  type?: string | null;
  executable?: boolean;
  time?: number | null;
  link?: string | null;
}

class Cursor {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  u8(): number {
    this.at += 1;
    return this.bytes[this.at - 1] ?? 0;
  }

  u32(): number {
    return this.u8() + 256 * this.u8() + 65_536 * this.u8() + 16_777_216 * this.u8();
  }

  v(): number {
    const byte = this.u8();
    return byte < 128 ? byte : byte - 128 + 128 * this.v();
  }

  s(): number {
    const value = this.v();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  take(length: number): Uint8Array {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  text(): string {
    return decode([...this.take(this.v())]);
  }

  front(before: number[]): number[] {
    const shared = this.v();
    return [...before.slice(0, shared), ...this.take(this.v())];
  }

  table(): string[] {
    let last: number[] = [];
    return Array.from({ length: this.v() }, () => {
      last = this.front(last);
      return decode(last);
    });
  }
}

function decode(bytes: number[]): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
}

/** Reads the entries of an object. */
export function readObject(object: Uint8Array): PlainEntry[] {
  const footer = new Cursor(object, object.length - 40);
  const index = new Cursor(object, object.length - 40 - footer.u32());
  index.u8();
  index.v();
  for (let section = 0; section < 4; section += 1) {
    index.v();
    index.u32();
  }
  const count = index.v();
  const lengths: number[] = [];
  for (let block = 0; block < count; block += 1) {
    index.v();
    index.take(index.v());
    for (let number = 0; number < 7; number += 1) {
      index.v();
    }
    lengths.push(index.v());
    index.u32();
  }
  const listsAt = lengths.reduce((sum, length) => sum + length, 0);
  let at = 0;
  return lengths.flatMap((length) => {
    at += length;
    return readBlock(new Cursor(object.subarray(at - length, at)), object.subarray(listsAt));
  });
}

/** Reads the entries of a manifest that is whole in its row. */
export function readRow(row: Uint8Array): PlainEntry[] {
  const head = new Cursor(row, 1);
  head.v();
  const lists = head.v();
  const leftOut = head.v();
  const end = row.length - 4 - leftOut - lists;
  return end === head.at
    ? []
    : readBlock(new Cursor(row.subarray(head.at, end)), row.subarray(end, end + lists));
}

function readBlock(block: Cursor, lists: Uint8Array): PlainEntry[] {
  const [entryCount, fileCount, mask, pathsLength] = [block.v(), block.v(), block.v(), block.v()];
  const bits = Array.from({ length: 10 }, (_, bit) => Math.floor(mask / 2 ** bit) % 2 === 1);
  const lengths = bits.map((isThere) => (isThere ? block.v() : 0));
  const paths = new Cursor(block.take(pathsLength));
  // Behind its end, a cursor gives zeros: so does a column that is not there.
  const columns = lengths.map((length) => new Cursor(block.take(length)));
  const column = (bit: number) => columns[bit] ?? block;
  const hashes = [4, 32, 64].map((length) => block.take(length * fileCount));
  const [keys, types] = [column(4).table(), column(6).table()];
  const links = readLinks(column(9));
  const ends = new Map<number, number>();
  let [path, file, listsEnd, lastTime]: [number[], number, number, number] = [[], 0, 0, 0];
  return Array.from({ length: entryCount }, (): PlainEntry => {
    path = paths.front(path);
    if (path.at(-1) === 0x2f) {
      const below = Array.from({ length: 6 }, () => column(0).v());
      return { path: decode(path), folder: [...below, column(1).v()] };
    }
    const size = column(2).v();
    let extents: [string | null, number, number][] = [];
    if (size > 0) {
      const k = column(3).v();
      if (k > 0) {
        const start = column(3).s() + (ends.get(k) ?? 0);
        ends.set(k, start + size);
        extents = [[keys[k - 1] ?? "", start, size]];
      } else {
        const start = listsEnd + column(3).v();
        listsEnd = start + column(3).v() + column(3).v();
        extents = readList(new Cursor(lists, start));
      }
    }
    const type = column(5).v();
    const coded = column(8).s();
    lastTime += coded > 0 ? coded - 1 : coded;
    const executables = column(7).bytes[Math.floor(file / 8)] ?? 0;
    const entry = {
      path: decode(path),
      size,
      extents,
      hashes: hashes.map((all, which) => {
        const length = [4, 32, 64][which] ?? 0;
        return all.subarray(file * length, (file + 1) * length).toHex();
      }),
      type: type === 0 ? null : (types[type - 1] ?? ""),
      executable: Math.floor(executables / 2 ** (file % 8)) % 2 === 1,
      time: coded === 0 ? null : lastTime,
      link: links.get(file) ?? null,
    };
    file += 1;
    return entry;
  });
}

function readLinks(from: Cursor): Map<number, string> {
  const links = new Map<number, string>();
  for (let file = -1; from.at < from.bytes.length;) {
    file += from.v() + 1;
    links.set(file, from.text());
  }
  return links;
}

function readList(list: Cursor): [string | null, number, number][] {
  const count = list.v();
  const keys = list.table();
  for (let piece = 0; piece < Math.ceil(count / 256); piece += 1) {
    list.v();
    list.v();
    list.u32();
  }
  list.u32();
  let ends = new Map<number, number>();
  return Array.from({ length: count }, (_, at) => {
    if (at % 256 === 0) {
      ends = new Map();
    }
    const k = list.v();
    const start = k === 0 ? 0 : list.s() + (ends.get(k) ?? 0);
    const length = list.v();
    ends.set(k, start + length);
    return [k === 0 ? null : (keys[k - 1] ?? ""), start, length];
  });
}
