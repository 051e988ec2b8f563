import { describe, expect, it } from "vitest";

import type { ArchiveEntry } from "../../../src/archive/entry.ts";
import {
  TAR_END,
  tarEntryLength,
  tarHeader,
  tarPadding,
  tarPieces,
} from "../../../src/archive/tar.ts";

const AT = Date.UTC(2026, 10, 22, 6, 5, 13, 999);
const decoder = new TextDecoder();

function head(path: string, size = 5) {
  return { path, size, modifiedAt: AT };
}

/** A NUL-terminated field of a header block. */
function field(block: Uint8Array, at: number, length: number): string {
  return decoder.decode(block.subarray(at, at + length)).replace(/\0.*$/su, "");
}

function checksumOf(block: Uint8Array): number {
  return block.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0);
}

describe("tarHeader()", () => {
  it("says mode 0644, no owner, whole seconds and the size in one block", () => {
    const block = tarHeader(head("doc/a.txt", 8 ** 3));
    expect(block.length).toBe(512);
    expect(field(block, 0, 100)).toBe("doc/a.txt");
    expect(field(block, 100, 8)).toBe("0000644");
    expect([field(block, 108, 8), field(block, 116, 8)]).toEqual(["0000000", "0000000"]);
    expect(field(block, 124, 12)).toBe("00000001000");
    expect(Number.parseInt(field(block, 136, 12), 8)).toBe(Math.floor(AT / 1000));
    expect(field(block, 156, 1)).toBe("0");
    expect(decoder.decode(block.subarray(257, 265))).toBe("ustar\x0000");
    expect([field(block, 265, 32), field(block, 297, 32)]).toEqual(["", ""]);
    expect(Number.parseInt(field(block, 148, 8), 8)).toBe(checksumOf(block));
  });

  it.each([
    ["100 bytes", "x".repeat(100), "x".repeat(100), ""],
    ["101 bytes with a slash", `d/${"x".repeat(99)}`, "x".repeat(99), "d"],
    [
      "256 bytes that fit prefix and name",
      `${"d".repeat(155)}/${"x".repeat(100)}`,
      "x".repeat(100),
      "d".repeat(155),
    ],
  ])("keeps a path of %s in ustar's own fields", (_what, path, name, prefix) => {
    const block = tarHeader(head(path));
    expect(block.length).toBe(512);
    expect([field(block, 0, 100), field(block, 345, 155)]).toEqual([name, prefix]);
  });

  it.each([
    ["101 bytes without a slash", "x".repeat(101)],
    ["a first name over 155 bytes", `${"d".repeat(156)}/${"x".repeat(99)}`],
    ["a last name over 100 bytes", `d/${"x".repeat(101)}`],
    ["non-ASCII", "süß/日本.txt"],
    ["1,000 bytes", `${"d/".repeat(450)}${"x".repeat(100)}`],
  ])("puts a path of %s into a pax record", (_what, path) => {
    const blocks = tarHeader(head(path));
    expect(field(blocks, 156, 1)).toBe("x");
    expect(Number.parseInt(field(blocks, 148, 8), 8)).toBe(checksumOf(blocks.subarray(0, 512)));
    const length = Number.parseInt(field(blocks, 124, 12), 8);
    const record = decoder.decode(blocks.subarray(512, 512 + length));
    expect(record).toBe(`${length} path=${path}\n`);
    const member = blocks.subarray(blocks.length - 512);
    expect(field(member, 156, 1)).toBe("0");
    expect(Number.parseInt(field(member, 148, 8), 8)).toBe(checksumOf(member));
  });

  it("says a size of 8 GiB in a pax record, and one byte less without", () => {
    expect(tarHeader(head("big", 8 ** 11 - 1)).length).toBe(512);
    const blocks = tarHeader(head("big", 8 ** 11));
    expect(decoder.decode(blocks.subarray(512, 1024))).toContain("19 size=8589934592\n");
  });

  it("counts the digits of a record's length in that length", () => {
    // 'path=' and the rest make 96, 97 and 98 bytes: with their digits 98, 100 and 101.
    for (const size of [89, 90, 91, 990]) {
      const blocks = tarHeader(head("é".repeat(size / 2) + "x".repeat(size % 2)));
      const length = Number.parseInt(field(blocks, 124, 12), 8);
      const record = decoder.decode(blocks.subarray(512, 512 + length));
      expect(record.startsWith(`${length} path=`)).toBe(true);
      expect(record.endsWith("\n")).toBe(true);
    }
  });
});

describe("tarPadding()", () => {
  it.each([
    [0, 0],
    [1, 511],
    [511, 1],
    [512, 0],
  ])("fills %i bytes up with %i", (size, padding) => {
    expect(tarPadding(size)).toEqual(new Uint8Array(padding));
  });
});

function entryOf(path: string, content: string): ArchiveEntry {
  const bytes = new TextEncoder().encode(content);
  return {
    path,
    size: bytes.length,
    modifiedAt: AT,
    open: async () => new Blob([bytes]).stream(),
  };
}

async function* listed(entries: ArchiveEntry[]): AsyncGenerator<ArchiveEntry> {
  yield* entries;
}

describe("tarPieces()", () => {
  it("lays members out in order without opening them, and ends in two blocks of zeros", async () => {
    const entries = [entryOf("a", "hello"), entryOf("empty", ""), entryOf("é", "x".repeat(512))];
    const pieces = await Array.fromAsync(tarPieces(listed(entries)));
    expect(pieces.filter(({ kind }) => kind === "member")).toEqual([
      { kind: "member", entry: entries[0] },
      { kind: "member", entry: entries[2] },
    ]);
    const lengths = pieces.map((piece) =>
      piece.kind === "bytes" ? piece.bytes.length : piece.entry.size,
    );
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const counted = entries.reduce((sum, { path, size }) => sum + tarEntryLength(path, size), 0);
    expect(total).toBe(counted + TAR_END.length);
    expect(pieces.at(-1)).toEqual({ kind: "bytes", bytes: new Uint8Array(1024) });
  });
});
