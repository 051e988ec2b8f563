// `npm run manifest -- ARTIFACT`: prints the manifest of an artifact's newest complete version as text, a line for each entry
// (docs/manifest.md). ARTIFACT is an id or uuid, in the state of STOWAGE_STATE, or with `--remote` in the deployment that
// wrangler.toml names; `--version=N` takes another version. `-- FILE` prints one that is a file: the R2 object of a manifest, or what a
// row has of one that is whole in it. `--hashes` adds SHA-256, `--extents` where the bytes are. Exits with 1 where the
// manifest is damaged, with 2 where it cannot be read.
import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { ManifestDamage } from "../src/manifest/damage.ts";
import { INLINE } from "../src/manifest/format.ts";
import { openManifest, openObject } from "../src/manifest/open-manifest.ts";
import { VersionReader } from "../src/manifest/version-reader.ts";
import { ensureInstalled } from "./ensure-installed.mjs";
import { localTarget, REMOTE } from "./migrate-database.mjs";
import { ROOT } from "./project.mjs";
import { storeManifest } from "./stored-manifest.mjs";

/** No row has more of a manifest that is whole in it. */
const MOST_INLINE = 64 * 1024;
const ARTIFACT = /^(?:\d+|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/u;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    hashes: { type: "boolean" },
    extents: { type: "boolean" },
    remote: { type: "boolean" },
    version: { type: "string" },
  },
});
const [named] = positionals;
const isArtifact = named !== undefined && ARTIFACT.test(named);
if (named === undefined || positionals.length > 1 || !/^\d*$/u.test(options.version ?? "")) {
  console.error(
    "Name one: npm run manifest -- ARTIFACT|FILE [--version=N] [--remote] [--hashes] [--extents]",
  );
  process.exit(2);
}
try {
  await (isArtifact ? printStored(named) : print(named));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof ManifestDamage ? 1 : 2;
}

/** @param {string} artifact */
async function printStored(artifact) {
  await ensureInstalled();
  const state = resolve(ROOT, process.env.STOWAGE_STATE || ".wrangler/state");
  const target = options.remote === true ? REMOTE : localTarget(state);
  const folder = mkdtempSync(join(tmpdir(), "stowage-manifest-"));
  try {
    const file = join(folder, "manifest");
    await storeManifest(target, { artifact, version: options.version ?? null }, file);
    await print(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param {string} path */
async function print(path) {
  await using file = await open(path);
  const { size } = await file.stat();
  /** @type {import("../src/manifest/open-manifest.ts").ReadBytes} */
  const read = async (offset, length) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, bytesRead);
  };
  const reader = new VersionReader(await openFile(size, read));
  await printSummary(reader);
  for await (const entries of reader.walk({ after: 0, last: reader.root.below.entries })) {
    for (const entry of entries) {
      console.log(lineOf(entry));
      if (options.extents === true && entry.kind === "file") {
        await printExtents(reader, entry);
      }
    }
  }
}

/**
 * @param {number} size
 * @param {import("../src/manifest/open-manifest.ts").ReadBytes} read
 */
async function openFile(size, read) {
  const first = await read(0, Math.min(size, MOST_INLINE));
  const isInline = first[0] === INLINE && size === first.length;
  // A block may begin with the same byte: then there is a footer.
  return openObject(size, read).catch((error) => {
    if (!isInline) {
      throw error;
    }
    return openManifest(first, read);
  });
}

/** @param {VersionReader} reader */
async function printSummary(reader) {
  const { entries, files, bytes, tar, zip, directory } = reader.root.below;
  const keys = await reader.keys();
  const leftOut = await reader.leftOut();
  console.log(
    `${files} files of ${bytes} bytes, ${entries - files} folders, ${keys.length} objects`,
  );
  console.log(`archives by layout ${reader.layout}: tar ${tar}, zip ${zip} and ${directory}`);
  for (const { path, reason } of leftOut.named) {
    console.log(`left out: ${shown(Buffer.from(path).toString("latin1"))} (${shown(reason)})`);
  }
  const more = leftOut.count - leftOut.named.length;
  if (more > 0) {
    console.log(`left out: ${more} more`);
  }
}

/** @param {import("../src/manifest/entries.ts").Entry} entry */
function lineOf(entry) {
  if (entry.kind === "folder") {
    const { entries, files, bytes } = entry.below;
    return `${entry.ordinal} d ${bytes} ${shown(entry.path)} (${entries} entries, ${files} files)`;
  }
  const { ordinal, size, isExecutable, modifiedAt, type, linkTarget, sha256 } = entry;
  return [
    ordinal,
    linkTarget === null ? (isExecutable ? "x" : "-") : "l",
    size,
    ...(options.hashes === true ? [Buffer.from(sha256).toString("hex")] : []),
    ...(modifiedAt === null ? [] : [new Date(modifiedAt).toISOString()]),
    shown(entry.path),
    ...(linkTarget === null ? [] : [`-> ${shown(linkTarget)}`]),
    ...(type === null ? [] : [`(${shown(type)})`]),
  ].join(" ");
}

/**
 * @param {VersionReader} reader
 * @param {import("../src/manifest/entries.ts").FileEntry} file
 */
async function printExtents(reader, file) {
  for await (const extents of reader.extents(file)) {
    for (const { key, start, length } of extents) {
      console.log(
        key === null ? `    ${length} zeros` : `    ${length} at ${start} of ${shown(key)}`,
      );
    }
  }
}

/**
 * A text as one line: what may change how a terminal shows it is written as its number.
 * @param {string} text
 */
function shown(text) {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
