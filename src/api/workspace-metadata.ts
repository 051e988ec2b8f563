import { Routes } from "../app-env.ts";
import { requireOwn } from "../auth/access.ts";
import { authorOf } from "../auth/author.ts";
import {
  deleteWorkspaceMetadata,
  putWorkspaceMetadata,
} from "../catalog/access/workspace-metadata.ts";
import { describeWorkspace, requireWorkspace } from "../catalog/access/workspaces.ts";
import { readMetadata, requireMetadataKey, requireNoted } from "./metadata.ts";

/** What a workspace notes of itself, for its own keys and `system`. */
export const workspaceMetadata = new Routes()
  .get("/:namespace/metadata", async (c) => {
    requireOwn(c.var.identity, c.req.param("namespace"));
    return c.json((await describeWorkspace(c.env.DB, c.req.param("namespace"))).metadata);
  })
  .post("/:namespace/metadata", async (c) => {
    requireOwn(c.var.identity, c.req.param("namespace"));
    const { id } = await requireWorkspace(c.env.DB, c.req.param("namespace"));
    const entry = await readMetadata(c.req.raw, null);
    requireNoted(await putWorkspaceMetadata(c.env.DB, id, entry, authorOf(c)));
    return c.json(null);
  })
  .put("/:namespace/metadata/:key", async (c) => {
    requireOwn(c.var.identity, c.req.param("namespace"));
    const { id } = await requireWorkspace(c.env.DB, c.req.param("namespace"));
    const entry = await readMetadata(c.req.raw, c.req.param("key"));
    requireNoted(await putWorkspaceMetadata(c.env.DB, id, entry, authorOf(c)));
    return c.json(null);
  })
  .delete("/:namespace/metadata/:key", async (c) => {
    requireOwn(c.var.identity, c.req.param("namespace"));
    const { id } = await requireWorkspace(c.env.DB, c.req.param("namespace"));
    const key = requireMetadataKey(c.req.param("key"));
    await deleteWorkspaceMetadata(c.env.DB, id, key, authorOf(c));
    return c.json(null);
  });
