import type { ArchiveEntry } from "../archive/entry.ts";
import { openBlob } from "../blobs/reader.ts";
import { walkFiles } from "../catalog/files.ts";
import type { Folder } from "../catalog/files.ts";
import { LIMITS } from "../protocol/limits.ts";

/** The files below a folder as members of an archive, in order; a page of them is in memory at a time. */
export async function* bundleFolder(
  env: Pick<Env, "DB" | "BUCKET">,
  version: { id: number; createdAt: number },
  folder: Folder,
): AsyncGenerator<ArchiveEntry> {
  for await (const file of walkFiles(env.DB, version.id, folder, LIMITS.archivePage)) {
    const { path, size, extents } = file;
    yield {
      path,
      size,
      modifiedAt: version.createdAt,
      open: () => openBlob(env.BUCKET, extents, size),
    };
  }
}
