import type { ArchiveEntry } from "../archive/entry.ts";
import { openBlob } from "../blobs/reader.ts";
import { entriesBelow, walkFiles } from "../catalog/archive-files.ts";
import type { Folder } from "../catalog/files.ts";

/** The files below a folder as members of an archive, in order; a page of them is in memory at a time. */
export async function* bundleFolder(
  env: Pick<Env, "DB" | "BUCKET">,
  version: { id: number; createdAt: number },
  folder: Folder,
): AsyncGenerator<ArchiveEntry> {
  for await (const files of walkFiles(env.DB, version.id, entriesBelow(folder))) {
    for (const { path, size, extents } of files) {
      yield {
        path,
        size,
        modifiedAt: version.createdAt,
        open: () => openBlob(env.BUCKET, extents, size),
      };
    }
  }
}
