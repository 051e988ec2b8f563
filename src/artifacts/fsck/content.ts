// Bytes against their checksums (docs/upkeep.md, "Checking"): a file may be larger than what one call reads, so
// the state of the hashes travels in the position.

import { RunningChecksums } from "../../blobs/checksums.ts";
import { readPiece, StorageError } from "../../blobs/objects.ts";
import type { CheckedVersion } from "../../catalog/upkeep/check-versions.ts";
import { ManifestDamage } from "../../manifest/damage.ts";
import type { FileEntry } from "../../manifest/entries.ts";
import type { VersionReader } from "../../manifest/version-reader.ts";
import { blobUuidOf } from "../../protocol/blob-uuid.ts";
import { difference } from "../../protocol/differences.ts";
import type { Difference } from "../../protocol/differences.ts";
import type { FileExtent, OrdinalRange } from "../../protocol/entries.ts";
import { AppError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { eachVersion } from "./each-version.ts";
import type { VersionPage } from "./each-version.ts";
import { hasManifest, openChecked } from "./manifest.ts";
import { numberAt } from "./page.ts";
import type { CheckContext, Position } from "./page.ts";

/** Position in a version: the last entry that is done; in the middle of the next file also the offset and the state there. */
export const checkContent = eachVersion(async (context, version, at, left) => {
  if (version.sealedAt === null || !(await hasManifest(context.env.BUCKET, version))) {
    return { work: 0 };
  }
  try {
    return await new ContentCheck(context, version, left).run(at);
  } catch (error) {
    if (error instanceof ManifestDamage) {
      return { work: 1 }; // the check of versions tells
    }
    throw error;
  }
});

/** A file that is whole in one object. */
interface WholeFile {
  file: FileEntry;
  key: string;
  start: number;
}

/** A version's files, those that come next. */
class ContentCheck {
  readonly #bucket: Env["BUCKET"];
  readonly #percent: number;
  readonly #version: CheckedVersion;
  readonly #reader: VersionReader;
  /** Bytes that may be read. */
  readonly #most: number;
  readonly #differences: Difference[] = [];
  /** Small files: they are read together, in the order of their objects. */
  readonly #whole: WholeFile[] = [];
  #bytes = 0;

  constructor({ env, percent }: CheckContext, version: CheckedVersion, left: number) {
    this.#bucket = env.BUCKET;
    this.#percent = percent;
    this.#version = version;
    this.#reader = openChecked(env.BUCKET, version);
    this.#most = Math.max(1, Math.floor(left * LIMITS.fsckBytes));
  }

  async run(at: Position): Promise<VersionPage> {
    const after = numberAt(at, 0, 0);
    const last = Math.min(after + LIMITS.fsckEntries, this.#version.entryCount);
    const next = (await this.#readFiles(after, last, at)) ?? [last];
    await this.#readWhole();
    return {
      work: this.#bytes / LIMITS.fsckBytes + (numberAt(next, 0, 0) - after) / LIMITS.fsckEntries,
      rows: 1,
      bytes: this.#bytes,
      differences: this.#differences,
      next: next.length === 1 && next[0] === this.#version.entryCount ? null : next,
    };
  }

  /** Reads files up to an entry; gives where to go on when the bytes of a call do not last. */
  async #readFiles(after: number, last: number, at: Position): Promise<Position | null> {
    const begun = at.length > 1 ? after + 1 : 0;
    for await (const file of filesOf(this.#reader, { after, last })) {
      const isBegun = file.ordinal === begun;
      if (isBegun || Math.random() * 100 < this.#percent) {
        const left = this.#most - this.#bytes;
        const goOn =
          left > 0 ? await this.#take(file, isBegun ? at : [], left) : [file.ordinal - 1];
        if (goOn !== null) {
          return goOn;
        }
      }
    }
    return null;
  }

  /** Reads a file, at once or with others; gives where to go on if that takes more than is left. */
  async #take(file: FileEntry, begun: Position, left: number): Promise<Position | null> {
    const { place, size } = file;
    const isSmall = size <= Math.min(left, LIMITS.readWindow);
    if (place.kind !== "object" || !isSmall || begun.length > 0) {
      return this.#readOn(file, begun, left);
    }
    this.#whole.push({ file, key: place.key, start: place.start });
    this.#bytes += size;
    return null;
  }

  /** Reads a file from where it was left, up to `most` bytes; gives where to go on if there are more. */
  async #readOn(file: FileEntry, begun: Position, most: number): Promise<Position | null> {
    const start = numberAt(begun, 1, 0);
    const end = Math.min(file.size, start + most);
    const checksums = stateOf(begun);
    this.#bytes += end - start;
    try {
      for await (const extents of this.#reader.extents(file, start, end)) {
        for (const extent of extents) {
          await this.#hashExtent(extent, checksums);
        }
      }
    } catch (error) {
      this.#noteUnreadable([file], error);
      return null;
    }
    if (end < file.size) {
      return [file.ordinal - 1, end, checksums.save().toBase64()];
    }
    this.#compareDigests(file, checksums);
    return null;
  }

  async #hashExtent(
    { key, start, length }: FileExtent,
    checksums: RunningChecksums,
  ): Promise<void> {
    for (let from = 0; from < length; from += LIMITS.readWindow) {
      const most = Math.min(LIMITS.readWindow, length - from);
      const isHole = key === null;
      checksums.update(
        isHole ? new Uint8Array(most) : await readPiece(this.#bucket, key, start + from, most),
      );
    }
  }

  /** Reads the small files, those that lie near each other at once. */
  async #readWhole(): Promise<void> {
    this.#whole.sort((one, other) => {
      return one.key === other.key ? one.start - other.start : one.key < other.key ? -1 : 1;
    });
    for (const { key, start, end, files } of joinFiles(this.#whole)) {
      let bytes: Uint8Array;
      try {
        bytes = await readPiece(this.#bucket, key, start, end - start);
      } catch (error) {
        this.#noteUnreadable(
          files.map(({ file }) => file),
          error,
        );
        continue;
      }
      for (const { file, start: at } of files) {
        const checksums = new RunningChecksums();
        checksums.update(bytes.subarray(at - start, at - start + file.size));
        this.#compareDigests(file, checksums);
      }
    }
  }

  #noteUnreadable(files: readonly FileEntry[], error: unknown): void {
    const [first] = files;
    if (!(error instanceof StorageError) || first === undefined) {
      throw error;
    }
    const others = files.length === 1 ? "" : ` and ${files.length - 1} others`;
    this.#add("content_unreadable", first, `${others}: ${error.message}`);
  }

  #compareDigests(file: FileEntry, checksums: RunningChecksums): void {
    const { sha512, sha256, crc32 } = checksums.digests();
    const wrong = [
      ...(sha512 === file.sha512.toHex() ? [] : ["sha512"]),
      ...(sha256 === file.sha256.toHex() ? [] : ["sha256"]),
      ...(Number.parseInt(crc32, 16) === file.crc32 ? [] : ["crc32"]),
    ];
    if (wrong.length > 0) {
      this.#add("content_damaged", file, `: another ${wrong.join(", ")}`);
    }
  }

  #add(kind: Difference["kind"], { path, sha512 }: FileEntry, what: string): void {
    const { artifactUuid, index } = this.#version;
    const detail = `'${path}' of ${artifactUuid} version ${index}${what}`;
    this.#differences.push(difference(kind, blobUuidOf(sha512.toHex()), detail));
  }
}

async function* filesOf(reader: VersionReader, range: OrdinalRange): AsyncGenerator<FileEntry> {
  for await (const entries of reader.walk(range)) {
    yield* entries.filter((entry) => entry.kind === "file");
  }
}

interface Run {
  key: string;
  start: number;
  end: number;
  files: WholeFile[];
}

/** Puts files together that one read gives; they are in the order of their objects. */
function joinFiles(files: readonly WholeFile[]): Run[] {
  const runs: Run[] = [];
  for (const whole of files) {
    const { key, start } = whole;
    const end = start + whole.file.size;
    const run = runs.at(-1);
    if (
      run?.key === key &&
      start - run.end <= LIMITS.smallSlice &&
      end - run.start <= LIMITS.readWindow
    ) {
      run.end = Math.max(run.end, end);
      run.files.push(whole);
    } else {
      runs.push({ key, start, end, files: [whole] });
    }
  }
  return runs;
}

function stateOf(begun: Position): RunningChecksums {
  const [, , state] = begun;
  if (state === undefined) {
    return new RunningChecksums();
  }
  try {
    return RunningChecksums.load(Uint8Array.fromBase64(String(state)));
  } catch {
    throw new AppError("request_malformed", "cursor: its hash state cannot be read");
  }
}
