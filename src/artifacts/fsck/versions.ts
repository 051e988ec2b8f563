// The entries of versions, numbered again from their paths and sizes. Nothing of a living version changes but that
// missing files come, so its rows may be read page by page; what looks wrong counts only if it lives to the end.

import { checkFiles, checkVersions, compareFolders } from "../../catalog/check-versions.ts";
import type {
  CheckedFile,
  CheckedVersion,
  FileSums,
  FolderRow,
} from "../../catalog/check-versions.ts";
import { isLivingVersion } from "../../catalog/contents.ts";
import { sealComplete, setFileSums, setFolders, setOwner } from "../../catalog/repair.ts";
import { difference } from "../../protocol/differences.ts";
import type { Difference } from "../../protocol/differences.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { comparePaths, numberEntries } from "../numbering.ts";
import type { NumberedFile, NumberedFolder } from "../numbering.ts";
import { numberAt, page } from "./part.ts";
import type { Check, CheckContext } from "./part.ts";

export const checkVersionRows: Check = async (context, from) => {
  const { DB: db } = context.env;
  const { versions, last } = await checkVersions(db, numberAt(from, 0, 0), LIMITS.fsckRows);
  const differences: Difference[] = [];
  let rows = 0;
  for (const version of versions) {
    if (rows >= LIMITS.fsckEntries) {
      return page({ next: [version.id - 1], rows, differences });
    }
    const check = new VersionCheck(context, version);
    rows += await check.run();
    if (check.differences.length > 0 && (await isLivingVersion(db, version.id))) {
      differences.push(...check.differences);
    }
  }
  return page({ next: last === null ? null : [last], rows, differences });
};

/** One version. */
class VersionCheck {
  readonly differences: Difference[] = [];
  readonly #context: CheckContext;
  readonly #version: CheckedVersion;
  readonly #folders: FolderRow[] = [];
  readonly #sums: FileSums[] = [];
  /** How many rows there are of each thing wrong. */
  readonly #wrong = { order: 0, files: 0, folders: 0, blobs: 0, owners: 0 };
  #files = 0;
  #folderCount = 0;

  constructor(context: CheckContext, version: CheckedVersion) {
    this.#context = context;
    this.#version = version;
  }

  /** Gives how many rows it read. */
  async run(): Promise<number> {
    await this.#compareSeal();
    await this.#compareEntries();
    await this.#flush(0);
    const { folders } = this.#version;
    if (folders !== this.#folderCount - 1) {
      this.#wrong.order += 1; // rows of folders that no file is in
    }
    await this.#conclude();
    return this.#files + folders + 1;
  }

  async #compareSeal(): Promise<void> {
    const { id, isSealed, misses } = this.#version;
    if (isSealed === misses) {
      const { env, now, repairs } = this.#context;
      const isRepaired = repairs && misses === 0 && (await sealComplete(env.DB, id, now));
      const detail = misses === 1 ? "sealed, but files have no bytes" : "complete, but not sealed";
      this.#add("version_state", detail, isRepaired);
    }
  }

  async #compareEntries(): Promise<void> {
    const queue: CheckedFile[] = [];
    const numbered = numberEntries(
      (function* drain() {
        for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
          yield file;
        }
      })(),
    );
    let previous = "";
    for (let after = 0, isLast = false; ;) {
      // Each step takes one file at most, so that there must be one.
      if (queue.length === 0 && !isLast) {
        const files = await this.#read(after);
        isLast = files.length < LIMITS.describedPage;
        after = files.at(-1)?.ordinal ?? after;
        if (!isAscending(previous, files)) {
          this.#wrong.order += 1;
          return;
        }
        previous = files.at(-1)?.path ?? previous;
        queue.push(...files);
      }
      const entry = numbered.next();
      if (entry.done === true) {
        return;
      }
      await this.#compare(entry.value);
    }
  }

  async #read(after: number): Promise<CheckedFile[]> {
    const { env } = this.#context;
    const files = await checkFiles(env.DB, this.#version.id, after, LIMITS.describedPage);
    this.#files += files.length;
    this.#wrong.blobs += files.filter(({ isBlobs }) => isBlobs === 0).length;
    this.#wrong.owners += files.filter(({ isOwned }) => isOwned === 0).length;
    return files;
  }

  async #compare(entry: NumberedFile<CheckedFile> | NumberedFolder): Promise<void> {
    if (entry.kind === "folder") {
      const { ordinal, path, entryCount, fileCount, totalBytes } = entry;
      this.#folderCount += 1;
      this.#folders.push([ordinal, path, entryCount, fileCount, totalBytes]);
    } else {
      const { file, ordinal, fileNumber, tarEnd, zipEnd, directoryEnd } = entry;
      const wanted: FileSums = [ordinal, fileNumber, tarEnd, zipEnd, directoryEnd];
      const { ordinal: number, ...has } = file;
      if (number !== ordinal) {
        this.#wrong.order += 1;
      } else if (
        String(wanted) !==
        String([number, has.fileNumber, has.tarEnd, has.zipEnd, has.directoryEnd])
      ) {
        this.#wrong.files += 1;
        this.#sums.push(wanted);
      }
    }
    await this.#flush(LIMITS.fsckRows);
  }

  /** Compares folders, and repairs, where there is more than `most` of either. */
  async #flush(most: number): Promise<void> {
    const { env, repairs } = this.#context;
    const { id } = this.#version;
    if (this.#folders.length > most) {
      const folders = this.#folders.splice(0);
      const wrong = await compareFolders(env.DB, id, folders);
      const elsewhere = wrong.filter(({ path, found }) => path !== found);
      this.#wrong.order += elsewhere.length;
      this.#wrong.folders += wrong.length - elsewhere.length;
      if (repairs && wrong.length > 0) {
        await setFolders(env.DB, id, folders);
      }
    }
    if (this.#sums.length > most) {
      const sums = this.#sums.splice(0);
      if (repairs) {
        await setFileSums(env.DB, id, sums);
      }
    }
  }

  async #conclude(): Promise<void> {
    const { env, repairs } = this.#context;
    const { order, files, folders, blobs, owners } = this.#wrong;
    if (order > 0) {
      this.#add("version_order", `${order} or more entries`, false);
    }
    if (files + folders > 0) {
      this.#add("version_sums", `${files} files, ${folders} folders`, repairs && order === 0);
    }
    if (blobs > 0) {
      this.#add("file_blob", `${blobs} files`, false);
    }
    if (owners > 0) {
      if (repairs) {
        await setOwner(env.DB, this.#version.id);
      }
      this.#add("file_owner", `${owners} files`, repairs);
    }
  }

  #add(kind: Difference["kind"], detail: string, isRepaired: boolean): void {
    const { artifactUuid, index } = this.#version;
    const found = difference(kind, `${artifactUuid} version ${index}`, detail);
    this.differences.push({ ...found, isRepaired });
  }
}

function isAscending(previous: string, files: readonly CheckedFile[]): boolean {
  return files.every(({ path }, at) => comparePaths(files[at - 1]?.path ?? previous, path) < 0);
}
