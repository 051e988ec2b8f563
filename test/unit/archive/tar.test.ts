import { describe, expect, it } from "vitest";

import { tarEntryLength, tarHeader, tarPadding } from "../../../src/archive/tar.ts";
import type { TarHead } from "../../../src/archive/tar.ts";
import { MODIFIED_AT } from "./members.ts";

const GiB = 1024 ** 3;

/** Reads a NUL-terminated field of a header block. */
function field(block: Uint8Array, offset: number, length: number): string {
  const text = new TextDecoder().decode(block.subarray(offset, offset + length));
  return text.replace(/\0.*$/s, "");
}

/** Reads the fields of a header that differ between members. */
function fieldsOf(block: Uint8Array) {
  return {
    name: field(block, 0, 100),
    size: Number.parseInt(field(block, 124, 12), 8),
    type: field(block, 156, 1),
    prefix: field(block, 345, 155),
  };
}

/** Reads the records of the extended header, if there is one, by the rules of POSIX pax. */
function recordsOf(header: Uint8Array): Record<string, string> {
  const records: Record<string, string> = {};
  if (header.length === 512) {
    return records;
  }
  let rest = header.slice(512, 512 + fieldsOf(header).size);
  while (rest.length > 0) {
    const space = rest.indexOf(0x20);
    const length = Number(new TextDecoder().decode(rest.subarray(0, space)));
    const record = new TextDecoder().decode(rest.subarray(space + 1, length));
    expect(record.endsWith("\n")).toBe(true);
    const [key = "", value = ""] = record.slice(0, -1).split(/=(.*)/s);
    records[key] = value;
    rest = rest.subarray(length);
  }
  return records;
}

function headerOf(path: string, size = 0): Uint8Array {
  return tarHeader({ path, size, modifiedAt: MODIFIED_AT });
}

/** Makes a path of `length` bytes whose last slash leaves `nameLength` bytes behind it. */
function pathOf(length: number, nameLength: number): string {
  return `${"d".repeat(length - nameLength - 1)}/${"n".repeat(nameLength)}`;
}

describe("tarHeader()", () => {
  it("writes one ustar block with every field in its place", () => {
    const block = headerOf("docs/read me.txt", 1234);
    expect(block).toHaveLength(512);
    expect(new TextDecoder().decode(block.subarray(0, 148))).toBe(
      "docs/read me.txt".padEnd(100, "\0") +
        "0000644\0" +
        "0000000\0" +
        "0000000\0" +
        "00000002322\0" +
        `${Math.floor(MODIFIED_AT / 1000)
          .toString(8)
          .padStart(11, "0")}\0`,
    );
    expect(new TextDecoder().decode(block.subarray(156))).toBe(
      `0${"\0".repeat(100)}ustar\x0000${"\0".repeat(64)}0000000\x000000000\0${"\0".repeat(167)}`,
    );
  });

  it("sums the block, the checksum read as spaces, into six digits, NUL and space", () => {
    const block = headerOf("a.bin", 7);
    const stored = new TextDecoder().decode(block.subarray(148, 156));
    const sum = block
      .with(148, 0)
      .fill(0x20, 148, 156)
      .reduce((total, byte) => total + byte, 0);
    expect(stored).toBe(`${sum.toString(8).padStart(6, "0")}\0 `);
  });

  it.each([
    { what: "100 bytes", path: "n".repeat(100), prefix: 0, name: 100 },
    { what: "100 bytes with a slash", path: pathOf(100, 50), prefix: 0, name: 100 },
    { what: "101 bytes with a slash", path: pathOf(101, 50), prefix: 50, name: 50 },
    { what: "101 bytes after a first slash", path: pathOf(102, 100), prefix: 1, name: 100 },
    { what: "255 bytes", path: pathOf(255, 100), prefix: 154, name: 100 },
    { what: "256 bytes", path: pathOf(256, 100), prefix: 155, name: 100 },
    {
      what: "201 bytes after the prefix's last place",
      path: pathOf(201, 45),
      prefix: 155,
      name: 45,
    },
  ])("fits a path of $what into prefix and name", ({ path, prefix, name }) => {
    const header = headerOf(path);
    const fields = fieldsOf(header);
    expect(header).toHaveLength(512);
    expect([fields.prefix.length, fields.name.length]).toEqual([prefix, name]);
    expect([fields.prefix, fields.name].filter(Boolean).join("/")).toBe(path);
  });

  it.each([
    { what: "101 bytes without a slash", path: "n".repeat(101) },
    { what: "a name of 101 bytes in a folder", path: pathOf(150, 101) },
    { what: "a prefix of 156 bytes", path: pathOf(201, 44) },
    { what: "257 bytes", path: pathOf(257, 100) },
    { what: "1,000 bytes", path: pathOf(1000, 100) },
    { what: "a non-ASCII path", path: "données/naïve.txt" },
    { what: "a path beyond the basic plane", path: "🗄/📦.bin" },
    { what: "an equals sign and spaces", path: `a = b/${"é".repeat(200)}` },
  ])("says $what in a pax record", ({ path }) => {
    const header = headerOf(path, 5);
    expect(recordsOf(header)).toEqual({ path });
    expect(fieldsOf(header)).toMatchObject({ type: "x", prefix: "", name: "././@PaxHeader" });
    expect(fieldsOf(header.subarray(-512))).toMatchObject({ type: "0", size: 5 });
  });

  it("gives a reader without pax the file's own name, in ASCII, as far as it fits", () => {
    const cut = headerOf(`${"d".repeat(200)}/${"n".repeat(101)}`);
    expect(fieldsOf(cut.subarray(-512))).toMatchObject({ prefix: "", name: "n".repeat(100) });
    const spelt = headerOf("données/📦 naïve.txt");
    expect(fieldsOf(spelt.subarray(-512))).toMatchObject({ prefix: "", name: "_ na_ve.txt" });
  });

  it("counts a record's own digits in its length, for every length of path", () => {
    for (let length = 1; length <= 998; length++) {
      const path = `é${"x".repeat(length - 1)}`;
      expect(recordsOf(headerOf(path))).toEqual({ path });
    }
  });

  it("writes a size of 8 GiB - 1 in octal", () => {
    const header = headerOf("big.bin", 8 * GiB - 1);
    expect(header).toHaveLength(512);
    expect(field(header, 124, 12)).toBe("77777777777");
  });

  it.each([8 * GiB, 5 * 1024 * GiB])("says a size of %d in a pax record", (size) => {
    const header = headerOf("in/big.bin", size);
    expect(recordsOf(header)).toEqual({ size: String(size) });
    expect(fieldsOf(header.subarray(-512))).toMatchObject({ name: "in/big.bin", size: 0 });
  });

  it("says a long path and a large size in one extended header", () => {
    const path = "n".repeat(300);
    const header = headerOf(path, 8 * GiB);
    expect(recordsOf(header)).toEqual({ path, size: String(8 * GiB) });
    expect(header).toHaveLength(3 * 512);
  });

  it("cuts the time to whole seconds, in both headers", () => {
    const header = tarHeader({ path: "é", size: 0, modifiedAt: 1999 });
    expect(field(header, 136, 12)).toBe("00000000001");
    expect(field(header.subarray(-512), 136, 12)).toBe("00000000001");
  });

  it.each([
    [-1, "00000000000"],
    [8 ** 11 * 1000, "77777777777"],
  ])("says the nearest time that ustar has for %s", (modifiedAt, digits) => {
    expect(field(tarHeader({ path: "a", size: 0, modifiedAt }), 136, 12)).toBe(digits);
  });

  it("throws on a time that is none", () => {
    expect(() => tarHeader({ path: "a", size: 0, modifiedAt: Number.NaN })).toThrow(
      "Cannot write a tar header",
    );
  });

  it("says what may be executed, and what is no file", () => {
    const plain = { path: "a", size: 0, modifiedAt: 0 };
    const said = (head: Partial<TarHead>) => {
      const header = tarHeader({ ...plain, ...head }).subarray(-512);
      return [field(header, 156, 1), field(header, 100, 8), field(header, 157, 100)];
    };
    expect(said({})).toEqual(["0", "0000644", ""]);
    expect(said({ isExecutable: true })).toEqual(["0", "0000755", ""]);
    expect(said({ type: "folder" })).toEqual(["5", "0000755", ""]);
    expect(said({ type: "link", target: "../b" })).toEqual(["2", "0000644", "../b"]);
    const long = tarHeader({ ...plain, type: "link", target: "é".repeat(80) });
    expect(recordsOf(long)).toEqual({ linkpath: "é".repeat(80) });
  });

  it("gives the same bytes for the same entry", () => {
    expect(headerOf("é".repeat(300), 9 * GiB)).toEqual(headerOf("é".repeat(300), 9 * GiB));
  });
});

describe("tarPadding()", () => {
  it.each([
    [0, 0],
    [1, 511],
    [511, 1],
    [512, 0],
    [513, 511],
    [8 * GiB + 1, 511],
  ])("follows %d bytes with %d zeros", (size, zeros) => {
    expect(tarPadding(size)).toEqual(new Uint8Array(zeros));
  });
});

describe("tarEntryLength()", () => {
  it.each([
    { path: "a", size: 0, length: 512 },
    { path: "a", size: 1, length: 1024 },
    { path: "a", size: 512, length: 1024 },
    { path: "é", size: 513, length: 2560 },
    { path: "n".repeat(101), size: 0, length: 1536 },
    { path: "é".repeat(500), size: 0, length: 2048 },
    { path: "a", size: 8 * GiB, length: 8 * GiB + 1536 },
  ])("counts $length bytes for $size bytes at $path", ({ path, size, length }) => {
    expect(tarEntryLength(path, size)).toBe(length);
    expect(headerOf(path, size).length + size + tarPadding(size).length).toBe(length);
  });
});
