import { Routes } from "../app-env.ts";
import { authorOf } from "../auth/author.ts";
import type { DescribedArtifact } from "../catalog/artifacts/find.ts";
import { deleteMetadata, putMetadata } from "../catalog/artifacts/metadata.ts";
import { AppError } from "../protocol/errors.ts";
import type { Author } from "../protocol/identity.ts";
import { requireArtifact, requireChangeable } from "./artifact-lookup.ts";
import { readMetadata, requireMetadataKey } from "./metadata.ts";
import { pathName } from "./path-name.ts";

/** What a workspace notes on its artifacts. Who reads an artifact reads this too: it is part of the view. */
export const artifactMetadata = new Routes()
  .get("/:ref/metadata", async (c) => {
    const { metadata } = await requireArtifact(c);
    return c.json(metadata);
  })
  .post("/:ref/metadata", async (c) => {
    const artifact = await requireChangeable(c);
    await setEntry(c.env.DB, artifact, await readMetadata(c.req.raw, null), authorOf(c));
    return c.json(null);
  })
  .put("/:ref/metadata/:key", async (c) => {
    const artifact = await requireChangeable(c);
    const entry = await readMetadata(c.req.raw, metadataKeyOf(c.req.url));
    await setEntry(c.env.DB, artifact, entry, authorOf(c));
    return c.json(null);
  })
  .delete("/:ref/metadata/:key", async (c) => {
    const { id } = await requireChangeable(c);
    const key = requireMetadataKey(metadataKeyOf(c.req.url));
    await deleteMetadata(c.env.DB, id, key, authorOf(c));
    return c.json(null);
  });

/** The key that a URL `/<things>/<ref>/metadata/<key>` names. */
export function metadataKeyOf(url: string): string {
  return pathName(url, 3, "metadata_key_invalid");
}

/** Sets an entry of an artifact that the caller may change. */
export async function setEntry(
  db: Env["DB"],
  { id }: DescribedArtifact,
  entry: { key: string; value: unknown },
  author: Author,
): Promise<void> {
  if (!(await putMetadata(db, id, entry, author))) {
    throw new AppError("metadata_full");
  }
}
