import { describe, expect, it } from "vitest";

import { Members, MemberWriter } from "../../../src/manifest/members.ts";
import { settleMembers } from "../../../src/manifest/settle.ts";

const decoder = new TextDecoder();

/** A file by its content, a folder, or a link by its target: `->` is symbolic, `=` hard. */
type Listed = [path: string, what: string];

const FREELY = { lookups: 100_000, bytes: 10_000_000 };

function membersOf(listed: readonly Listed[]): Members {
  const writer = new MemberWriter();
  for (const [path, what] of listed) {
    if (what === "/") {
      writer.addFolder(path);
    } else if (what.startsWith("->") || what.startsWith("=")) {
      const target = what.replace(/^(?:->|=)/u, "");
      writer.addAlias({ path, target, isHard: what.startsWith("=") });
    } else {
      writer.addFile({
        path,
        size: 1,
        crc32: 0,
        sha256: new Uint8Array(32).fill(what.charCodeAt(0)),
        sha512: new Uint8Array(64),
        type: null,
        isExecutable: what === "x",
        modifiedAt: null,
        linkTarget: null,
        extents: [{ key: "archive", start: what.charCodeAt(0), length: 1 }],
      });
    }
  }
  return new Members(writer.takeChunks(), writer.keys);
}

/** What is in the tree, a file by its content, and what is left out. */
async function settle(listed: readonly Listed[], limits = FREELY) {
  const settled = await settleMembers(membersOf(listed), { ...limits, pause: async () => {} });
  if (settled === null) {
    return null;
  }
  const { members, order, linked } = settled;
  const tree = Array.from(order, (position) => {
    const path = decoder.decode(members.pathAt(position));
    const file = path.endsWith("/") ? null : members.fileAt(position);
    const [extent] = file?.extents ?? [];
    return `${path}${file === null ? "" : ` ${String.fromCharCode(extent?.start ?? 0)}`}`;
  });
  const leftOut = settled.leftOut.map(({ path, reason }) => `${decoder.decode(path)} ${reason}`);
  return { tree, leftOut, linked };
}

describe("settleMembers()", () => {
  it("gives a link the bytes that it leads to, through other links, up and down", async () => {
    const found = await settle([
      ["lib/z.so", "->z.so.1"],
      ["lib/z.so.1", "->./z.so.1.2"],
      ["lib/z.so.1.2", "z"],
      ["bin/z", "->../usr/lib/z.so"],
      ["usr/lib", "->../lib"],
      ["hard", "=lib/z.so.1.2"],
    ]);
    expect(found).toEqual({
      tree: ["bin/z z", "hard z", "lib/z.so z", "lib/z.so.1 z", "lib/z.so.1.2 z"],
      leftOut: ["usr/lib is a link to a folder"],
      linked: 4,
    });
  });

  it.each<[string, Listed[], string]>([
    ["nowhere", [["ln", "->gone"]], "ln is a link that leads nowhere"],
    [
      "below a file",
      [
        ["a", "a"],
        ["ln", "->a/b"],
      ],
      "ln is a link that leads nowhere",
    ],
    [
      "above the root",
      [
        ["a", "a"],
        ["d/ln", "->../../a"],
      ],
      "d/ln is a link that leads out",
    ],
    [
      "an absolute path",
      [
        ["a", "a"],
        ["ln", "->/a"],
      ],
      "ln is a link that leads out",
    ],
    ["itself", [["ln", "->ln"]], "ln is a link that leads through too many others, or to itself"],
    [
      "a folder of a file",
      [
        ["d/a", "a"],
        ["ln", "->d"],
      ],
      "ln is a link to a folder",
    ],
    [
      "an empty folder",
      [
        ["d", "/"],
        ["ln", "->d/"],
      ],
      "ln is a link to a folder",
    ],
    ["the root", [["d/ln", "->.."]], "d/ln is a link to a folder"],
    [
      "a file that comes later, if hard",
      [
        ["ln", "=a"],
        ["a", "a"],
      ],
      "ln is a link that leads now",
    ],
    [
      "above the root, if hard",
      [
        ["a", "a"],
        ["ln", "=../a"],
      ],
      "ln is a link that leads out",
    ],
    [
      "through a link out",
      [
        ["o", "->/"],
        ["ln", "->o/a"],
      ],
      "ln is a link that leads out",
    ],
  ])("leaves out a link to %s", async (_, listed, reason) => {
    const found = await settle(listed);
    expect(found?.leftOut.some((one) => one.startsWith(reason))).toBe(true);
    expect(found?.linked).toBe(0);
  });

  it("ends where links lead in a circle, each of which is left out", async () => {
    const found = await settle([
      ["a", "->b"],
      ["b", "->c/../a"],
      ["c", "->c2"],
      ["c2", "->c"],
    ]);
    expect(found).toMatchObject({ tree: [], linked: 0 });
    expect(found?.leftOut).toHaveLength(4);
  });

  it("takes the last of several members with one path, and for a hard link the last before it", async () => {
    const found = await settle([
      ["a", "1"],
      ["b", "=a"],
      ["a", "2"],
      ["c", "=a"],
      ["c", "=c"],
      ["s", "->a"],
    ]);
    expect(found?.tree).toEqual(["a 2", "b 1", "c 2", "s 2"]);
    expect(found?.leftOut).toEqual([]);
  });

  it("gives a hard link of a symbolic one what that leads to from where it lies", async () => {
    const found = await settle([
      ["d/a", "1"],
      ["a", "2"],
      ["d/s", "->a"],
      ["s", "=d/s"],
    ]);
    expect(found?.tree).toEqual(["a 2", "d/a 1", "d/s 1", "s 2"]);
  });

  it("is over where links need too many look-ups, or too much room", async () => {
    const many: Listed[] = [
      ["a", "a"],
      ...Array.from({ length: 200 }, (_, n): Listed => [`l${n}`, "->a"]),
    ];
    expect((await settle(many))?.linked).toBe(200);
    expect(await settle(many, { ...FREELY, lookups: 100 })).toBeNull();
    expect(await settle(many, { ...FREELY, bytes: 10_000 })).toBeNull();
    const chain = Array.from({ length: 300 }, (_, n): Listed => [`h${n}`, `=h${n - 1}`]);
    expect((await settle([["h-1", "a"], ...chain]))?.linked).toBe(40);
  });
});
