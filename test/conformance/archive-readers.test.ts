// Archives that real tools make, read by our readers. GNU tar is everywhere; the other tools are asked where
// they are installed, and CI installs them all.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Gunzip } from "../../src/archive/gunzip.ts";
import { collect, freely, walkBytes } from "../unit/archive/make-tar.ts";
import { unzip } from "../unit/archive/unzip.ts";

const tree = mkdtempSync(join(tmpdir(), "stowage-readers-"));

/** What lies in the folder `in`, by path. */
const files = new Map<string, Uint8Array>(
  [
    "plain.txt",
    "empty",
    "space and 100% #1?.txt",
    "naïve/📦.bin",
    `deep/${"d".repeat(80)}/${"e".repeat(80)}/file`,
    `long/${"n".repeat(200)}`,
    `both/${"é".repeat(60)}/${"m".repeat(150)}`,
  ].map((path, index) => [
    path,
    path === "empty" ? new Uint8Array() : new Uint8Array(1 + index * 40_000).fill(index + 65),
  ]),
);

beforeAll(() => {
  for (const [path, bytes] of files) {
    mkdirSync(join(tree, "in", path, ".."), { recursive: true });
    writeFileSync(join(tree, "in", path), bytes);
  }
  mkdirSync(join(tree, "in", "folder/without/files"), { recursive: true });
  mkdirSync(join(tree, "links"));
  symlinkSync("/etc/passwd", join(tree, "links", "ln"));
});

afterAll(() => rmSync(tree, { recursive: true }));

/** What can be compared, and shown when it differs. */
function digests(found: Iterable<[string, Uint8Array]>): string[] {
  const lines = Array.from(
    found,
    ([path, bytes]) => `${createHash("sha256").update(bytes).digest("hex")}  ${path}`,
  );
  return lines.toSorted((one, other) => (one < other ? -1 : 1));
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { cwd: join(tree, "in"), stdio: "pipe" });
}

function isInstalled(command: string): boolean {
  try {
    execFileSync("sh", ["-c", `command -v ${command} && ${command} --version`], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
}

/** Gives the archive that a command makes as `../<name>`. */
function make(name: string, command: string, ...args: string[]): Uint8Array {
  run(command, ...args);
  return readFileSync(join(tree, name));
}

/** Installed tools by the formats that each is to write. */
function offered<T>(tools: Record<string, T[]>): [tool: string, T][] {
  return Object.entries(tools)
    .filter(([tool]) => isInstalled(tool))
    .flatMap(([tool, formats]) => formats.map((format): [string, T] => [tool, format]));
}

const PYTHON = `
import os, tarfile, zipfile
for form in ("GNU_FORMAT", "PAX_FORMAT"):
    with tarfile.open(f"../{form}", "w", format=getattr(tarfile, form)) as tar: tar.add(".")
for method in ("ZIP_STORED", "ZIP_DEFLATED"):
    with zipfile.ZipFile(f"../{method}", "w", getattr(zipfile, method)) as archive:
        for folder, _, names in os.walk("."):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name))
                with archive.open(path, "w", force_zip64=True) as to: to.write(open(path, "rb").read())`;

/** What Python makes is named by its format; one run makes all. */
function makeByPython(name: string): Uint8Array {
  if (!existsSync(join(tree, name))) {
    run("python3", "-c", PYTHON);
  }
  return readFileSync(join(tree, name));
}

describe("TarWalk", () => {
  it.each(
    offered({
      tar: ["gnu", "oldgnu", "pax", "posix"],
      bsdtar: ["pax", "gnutar"],
    }),
  )("reads what %s writes as %s", (tool, format) => {
    const tar = make("t.tar", tool, `--format=${format}`, "-cf", "../t.tar", ".");
    expect(digests(walkBytes(tar))).toEqual(digests(files));
  });

  it.each(offered({ python3: ["GNU_FORMAT", "PAX_FORMAT"] }))(
    "reads what %s writes as %s",
    (_, format) => {
      expect(digests(walkBytes(makeByPython(format)))).toEqual(digests(files));
    },
  );

  it("reads the short paths that GNU tar writes as ustar and as v7, with a volume label and sorted", () => {
    const short = new Map([...files].filter(([path]) => path === "plain.txt" || path === "empty"));
    for (const options of [["--format=v7"], ["--format=ustar"], ["--label=a label"], ["-b1"]]) {
      const tar = make("t.tar", "tar", ...options, "-cf", "../t.tar", "plain.txt", "empty");
      expect(digests(walkBytes(tar))).toEqual(digests(short));
    }
  });

  it("passes over the links that GNU tar writes", () => {
    const linked = make("t.tar", "tar", "-cf", "../t.tar", "empty", "-C", "../links", "ln");
    expect([...walkBytes(linked).keys()]).toEqual(["empty"]);
  });
});

describe("Gunzip", () => {
  it("unpacks what gzip writes, several files one after the other", () => {
    run("sh", "-c", "gzip -9 < plain.txt > ../t.gz; gzip -1 < naïve/📦.bin >> ../t.gz");
    const unpacker = new Gunzip(zlibCrc, freely());
    const unpacked = collect(unpacker.push(readFileSync(join(tree, "t.gz"))));
    unpacker.finish();
    const both = ["plain.txt", "naïve/📦.bin"].map((path) => files.get(path) ?? new Uint8Array());
    expect(Buffer.concat(both).equals(unpacked)).toBe(true);
  });
});

function zlibCrc() {
  let value = 0;
  return {
    update: (bytes: Uint8Array) => {
      value = crc32(bytes, value);
    },
    digest: () => new Uint8Array(new Uint32Array([value]).buffer).toReversed(),
  };
}

describe("the zip reader", () => {
  it.each(offered({ python3: ["ZIP_STORED", "ZIP_DEFLATED"] }))(
    "reads what %s writes as %s",
    async (_, method) => {
      expect(digests(await unzip(makeByPython(method)))).toEqual(digests(files));
    },
  );

  it.each(offered({ zip: ["-9", "-0", "-fz", "-fd"], bsdtar: ["--format=zip"] }))(
    "reads what %s %s writes",
    async (tool, option) => {
      rmSync(join(tree, "t.zip"), { force: true });
      const into = tool === "zip" ? ["-q", "-r", "../t.zip", "."] : ["-cf", "../t.zip", "."];
      const zip = make("t.zip", tool, option, ...into);
      expect(digests(await unzip(zip))).toEqual(digests(files));
    },
  );

  it.each(offered({ zip: ["-y"] }))(
    "passes over the links that %s %s writes",
    async (tool, option) => {
      rmSync(join(tree, "t.zip"), { force: true });
      const zip = make("t.zip", "sh", "-c", `cd ../links && ${tool} -q ${option} ../t.zip ln`);
      expect([...(await unzip(zip)).keys()]).toEqual([]);
    },
  );
});
