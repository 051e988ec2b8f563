import type { HeldFile, ManifestRow } from "../catalog/contents/held-files.ts";
import { ManifestDamage } from "../manifest/damage.ts";
import type { FileEntry } from "../manifest/entries.ts";
import type { VersionReader } from "../manifest/version-reader.ts";
import type { FileExtent } from "../protocol/entries.ts";
import { readManifest } from "./manifests.ts";

/** Opens the manifest of a version as its row has it. */
export function openRow(bucket: Env["BUCKET"], { key, row }: ManifestRow): VersionReader {
  return readManifest(bucket, { key, row: Uint8Array.fromHex(row) });
}

/** A file that holds a content, with the manifest that names it. */
export async function openHeld(
  bucket: Env["BUCKET"],
  { manifest, fileNumber }: HeldFile,
): Promise<{ reader: VersionReader; file: FileEntry }> {
  const reader = openRow(bucket, manifest);
  const file = await reader.fileAt(fileNumber);
  if (file === null) {
    throw new ManifestDamage(`it has no file ${fileNumber}`);
  }
  return { reader, file };
}

/** Where all bytes of such a file are. */
export async function extentsOfHeld(bucket: Env["BUCKET"], held: HeldFile): Promise<FileExtent[]> {
  const { reader, file } = await openHeld(bucket, held);
  const extents: FileExtent[] = [];
  for await (const some of reader.extents(file)) {
    extents.push(...some);
  }
  return extents;
}
