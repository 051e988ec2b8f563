import { Routes } from "../app-env.ts";
import { authorOf } from "../auth/author.ts";
import { deleteMetadata } from "../catalog/artifacts/metadata.ts";
import { deleteBlobMetadata, putBlobMetadata } from "../catalog/contents/blob-metadata.ts";
import { findArtifact, requireLiving, requireOwned } from "./artifact-lookup.ts";
import { metadataKeyOf, setEntry } from "./artifact-metadata.ts";
import { requireNotes } from "./blobs.ts";
import { readMetadata, requireMetadataKey, requireNoted } from "./metadata.ts";
import { pathName } from "./path-name.ts";

/** The public client's commands to set and delete metadata of artifacts and of blobs ask for an instance's. Its
 * reference is taken as an artifact's, then as a blob's. */
export const instanceMetadata = new Routes()
  .put("/:ref/metadata/:key", async (c) => {
    const { identity } = c.var;
    const artifact = await findArtifact(c);
    const readEntry = () => readMetadata(c.req.raw, metadataKeyOf(c.req.url));
    if (artifact === null) {
      const notes = await requireNotes(c.env.DB, identity, pathName(c.req.url, 1));
      requireNoted(await putBlobMetadata(c.env.DB, notes, await readEntry(), authorOf(c)));
    } else {
      const owned = requireLiving(requireOwned(identity, artifact));
      await setEntry(c.env.DB, owned, await readEntry(), authorOf(c));
    }
    return c.json(null);
  })
  .delete("/:ref/metadata/:key", async (c) => {
    const { identity } = c.var;
    const artifact = await findArtifact(c);
    const key = requireMetadataKey(metadataKeyOf(c.req.url));
    if (artifact === null) {
      const notes = await requireNotes(c.env.DB, identity, pathName(c.req.url, 1));
      requireNoted(await deleteBlobMetadata(c.env.DB, notes, key, authorOf(c)));
    } else {
      const { id } = requireLiving(requireOwned(identity, artifact));
      await deleteMetadata(c.env.DB, id, key, authorOf(c));
    }
    return c.json(null);
  });
