import { Hono } from "hono";
import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { deleteMetadata, putMetadata } from "../catalog/artifact-metadata.ts";
import type { DescribedArtifact } from "../catalog/artifacts.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { MetadataRequest } from "../protocol/requests.ts";
import {
  authorOf,
  findArtifact,
  requireArtifact,
  requireChangeable,
  requireLiving,
  requireOwned,
} from "./artifact-lookup.ts";
import { readJson } from "./json-body.ts";
import { isName, pathName } from "./path-name.ts";

/** What a workspace notes on its artifacts. Who reads an artifact reads this too: it is part of the view. */
export const artifactMetadata = new Hono<AppEnv>()
  .get("/:ref/metadata", async (c) => {
    const { metadata } = await requireArtifact(c);
    return c.json(metadata);
  })
  .post("/:ref/metadata", async (c) => {
    const artifact = await requireChangeable(c);
    const { key, value } = await readJson(c.req.raw, MetadataRequest);
    await put(c, artifact, { key: readKey(key), value: readValue(value) });
    return c.json(null);
  })
  .put("/:ref/metadata/:key", async (c) => {
    await putNamed(c, await requireChangeable(c));
    return c.json(null);
  })
  .delete("/:ref/metadata/:key", async (c) => {
    await deleteNamed(c, await requireChangeable(c));
    return c.json(null);
  });

/** The public client's commands to set and delete metadata of artifacts and blobs ask for an instance's. Its
 * reference is tried as an artifact's. */
export const instanceMetadata = new Hono<AppEnv>()
  .put("/:ref/metadata/:key", async (c) => {
    const artifact = await findArtifact(c);
    if (artifact === null) {
      return refuseUnknown();
    }
    await putNamed(c, requireLiving(requireOwned(c.var.identity, artifact)));
    return c.json(null);
  })
  .delete("/:ref/metadata/:key", async (c) => {
    const artifact = await findArtifact(c);
    if (artifact === null) {
      return refuseUnknown();
    }
    await deleteNamed(c, requireLiving(requireOwned(c.var.identity, artifact)));
    return c.json(null);
  });

/** The reference is no artifact's: a blob's metadata would be looked for here. */
function refuseUnknown(): never {
  throw new AppError("artifact_not_found");
}

/** Sets the key that the URL names. */
async function putNamed(c: Context<AppEnv>, artifact: DescribedArtifact): Promise<void> {
  const key = readKey(pathName(c.req.url, 3, "metadata_key_invalid"));
  const { value } = await readJson(c.req.raw, MetadataRequest);
  await put(c, artifact, { key, value: readValue(value) });
}

async function put(
  c: Context<AppEnv>,
  { id }: DescribedArtifact,
  entry: { key: string; value: unknown },
): Promise<void> {
  if (!(await putMetadata(c.env.DB, id, entry, authorOf(c.var.identity)))) {
    throw new AppError("metadata_full");
  }
}

/** Deletes the key that the URL names. */
async function deleteNamed(c: Context<AppEnv>, { id }: DescribedArtifact): Promise<void> {
  const key = readKey(pathName(c.req.url, 3, "metadata_key_invalid"));
  await deleteMetadata(c.env.DB, id, key, authorOf(c.var.identity));
}

/** A key that can stand in a URL, by which alone it is deleted. */
function readKey(key: string | null): string {
  if (key === null || key === "") {
    throw new AppError("key_unspecified");
  }
  if (!isName(key, LIMITS.metadataKey)) {
    throw new AppError("metadata_key_invalid", `'${key}'`);
  }
  return key;
}

function readValue(value: unknown): unknown {
  if (value === undefined || value === null || value === "") {
    throw new AppError("metadata_value_missing");
  }
  return value;
}
