import { Routes } from "../app-env.ts";
import { readerFor, requireSomebody, requireWorkspaceKey } from "../auth/access.ts";
import { authorOf } from "../auth/author.ts";
import { requireWorkspace, SYSTEM } from "../catalog/access/workspaces.ts";
import { deleteArtifact, deleteArtifactsOf, setShared } from "../catalog/artifacts/change.ts";
import { walkArtifacts } from "../catalog/artifacts/list.ts";
import { AppError } from "../protocol/errors.ts";
import type { Author } from "../protocol/identity.ts";
import type { Identity } from "../protocol/identity.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { DeleteArtifactsRequest } from "../protocol/requests.ts";
import { toArtifactReply } from "../protocol/views.ts";
import type { ArtifactReply } from "../protocol/views.ts";
import {
  describe,
  requireArtifact,
  requireChangeable,
  requireDone,
  requireOwnArtifact,
  showArtifact,
} from "./artifact-lookup.ts";
import { respondWithArray } from "./json-array.ts";
import { readJson } from "./json-body.ts";

/** Artifacts as a whole: all of them, one, its end and its sharing. */
export const artifacts = new Routes()
  // The body that clients send names a node, which means nothing here.
  .get("/", (c) => {
    requireSomebody(c.var.identity);
    return respondWithArray(listArtifacts(c.env.DB, c.var.identity));
  })
  .delete("/", async (c) => {
    const key = requireWorkspaceKey(c.var.identity);
    const request = await readJson(c.req.raw, DeleteArtifactsRequest);
    const { id } = await requireWorkspace(c.env.DB, readDoomed(key, request));
    return respondWithArray(deleteAll(c.env.DB, id, authorOf(c)));
  })
  .get("/:ref", async (c) => {
    const artifact = await requireArtifact(c);
    return c.json(await describe(c.env.DB, c.var.identity, artifact));
  })
  .delete("/:ref", async (c) => {
    const { identity } = c.var;
    const { id, uuid } = await requireOwnArtifact(c);
    const isDeleted = await deleteArtifact(c.env.DB, id, authorOf(c));
    return c.json(isDeleted ? await showArtifact(c.env.DB, identity, uuid) : null);
  })
  .post("/:ref/share", async (c) => {
    const { identity } = c.var;
    const artifact = await requireChangeable(c);
    if (artifact.workspace !== SYSTEM) {
      throw new AppError("artifact_share_outside_system");
    }
    // Its contributors add to the workspace; whom all trust is decided by its key.
    if (identity.kind !== "workspace" || !identity.isSystem) {
      throw new AppError("artifact_shared_outside_system");
    }
    requireDone(await setShared(c.env.DB, artifact.id, true, authorOf(c)));
    return c.json(await showArtifact(c.env.DB, identity, artifact.uuid));
  })
  .post("/:ref/unshare", async (c) => {
    const { identity } = c.var;
    const artifact = await requireChangeable(c);
    if (!artifact.shared) {
      throw new AppError("artifact_not_shared");
    }
    requireDone(await setShared(c.env.DB, artifact.id, false, authorOf(c)));
    return c.json(await showArtifact(c.env.DB, identity, artifact.uuid));
  });

async function* listArtifacts(db: Env["DB"], identity: Identity): AsyncGenerator<ArtifactReply[]> {
  const limits = { page: LIMITS.artifactsPage, versions: LIMITS.versionsListed };
  for await (const page of walkArtifacts(db, readerFor(identity), Date.now(), limits)) {
    yield page.map((artifact) => toArtifactReply(artifact, artifact.versions));
  }
}

/** Deletes batch by batch what a workspace has now. What comes in meanwhile stays; after an error a repeat goes
 * on with the rest. */
async function* deleteAll(
  db: Env["DB"],
  workspaceId: number,
  author: Author,
): AsyncGenerator<Uuid[]> {
  const batch = { before: author.now, limit: LIMITS.artifactsPage };
  let uuids: Uuid[];
  do {
    uuids = await deleteArtifactsOf(db, workspaceId, batch, author);
    yield uuids;
  } while (uuids.length === batch.limit);
}

/** The workspace whose artifacts are all to be deleted. `system` must say which, for it could mean any. */
function readDoomed(
  key: Identity & { kind: "workspace" },
  { confirm, namespace }: { confirm?: unknown; namespace: string | null },
): string {
  if (confirm !== true) {
    throw new AppError("deletion_unconfirmed");
  }
  if (key.isSystem && namespace === null) {
    throw new AppError("deletion_namespace_missing");
  }
  if (!key.isSystem && (namespace ?? key.name) !== key.name) {
    throw new AppError("deletion_namespace_foreign");
  }
  return namespace ?? key.name;
}
