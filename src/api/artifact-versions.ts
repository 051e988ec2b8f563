import { Routes } from "../app-env.ts";
import { authorOf } from "../auth/author.ts";
import { deleteVersion, setMaxVersions } from "../catalog/artifacts/change.ts";
import { AppError } from "../protocol/errors.ts";
import { parseCount } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { MaxVersionsRequest } from "../protocol/requests.ts";
import { toBlobReply } from "../protocol/views.ts";
import {
  requireArtifact,
  requireChangeable,
  requireDone,
  showArtifact,
  versionsOf,
} from "./artifact-lookup.ts";
import { readJson } from "./json-body.ts";

/** The versions of an artifact, and how many of them it keeps. */
export const artifactVersions = new Routes()
  .get("/:ref/versions", async (c) => {
    const artifact = await requireArtifact(c);
    const versions = await versionsOf(c.env.DB, c.var.identity, artifact);
    return c.json(versions.map((blob) => ({ ...toBlobReply(blob), index: blob.index })));
  })
  .post("/:ref/versions", async (c) => {
    const { id } = await requireChangeable(c);
    const request = await readJson(c.req.raw, MaxVersionsRequest);
    const count = readMaxVersions(request.max_versions) ?? LIMITS.maxVersions;
    requireDone(await setMaxVersions(c.env.DB, id, count, authorOf(c)));
    return c.json(null);
  })
  .delete("/:ref/versions/:index", async (c) => {
    const { identity } = c.var;
    const { id, uuid } = await requireChangeable(c);
    const index = readIndex(c.req.param("index"));
    if (!(await deleteVersion(c.env.DB, id, index, authorOf(c)))) {
      throw new AppError("artifact_index_not_found", `${index}`);
    }
    return c.json(await showArtifact(c.env.DB, identity, uuid));
  });

/** How many versions are to be kept, 0 for all; null when the client does not say. */
export function readMaxVersions(value: unknown): number | null {
  if (value === undefined || value === null) {
    return null;
  }
  const text = typeof value === "number" || typeof value === "string" ? String(value) : "";
  const count = parseCount(text);
  if (count === null) {
    throw new AppError("max_versions_not_integer", JSON.stringify(value));
  }
  return count;
}

/** A number that no version can have is as good as one that none has. */
function readIndex(text: string): number {
  if (!/^-?\d+$/u.test(text)) {
    throw new AppError("artifact_index_not_integer", `'${text}'`);
  }
  return parseCount(text) ?? 0;
}
