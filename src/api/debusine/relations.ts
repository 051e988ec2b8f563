import type { Context } from "hono";

import { Routes } from "../../app-env.ts";
import type { AppEnv } from "../../app-env.ts";
import { mayAdd, readerFor, requireSomebody } from "../../auth/access.ts";
import { requireAdder } from "../../auth/adders.ts";
import { authorOf } from "../../auth/author.ts";
import {
  deleteRelation,
  findRelation,
  listRelations,
  putRelation,
} from "../../catalog/artifacts/relations.ts";
import { RelationRequest } from "../../protocol/bundle-requests.ts";
import { AppError } from "../../protocol/errors.ts";
import { parseCount } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { readJson } from "../json-body.ts";
import { requireBundle } from "./bundles.ts";

/** What artifacts have to do with each other. */
export const relations = new Routes()
  .post("/artifact-relation/", create)
  .post("/artifact-relation", create)
  .get("/artifact-relation/", list)
  .get("/artifact-relation", list)
  .delete("/artifact-relation/:id/", remove)
  .delete("/artifact-relation/:id", remove);

async function create(c: Context<AppEnv>): Promise<Response> {
  await requireAdder(c.var.identity, c.env.DB, "artifact_not_found");
  const { artifact, target, type } = await readJson(c.req.raw, RelationRequest, "ignored");
  const from = await requireBundle(c, artifact);
  await requireBundle(c, target);
  if (!mayAdd(c.var.identity, from)) {
    throw new AppError("contributor_needed");
  }
  const relation = { artifact, target, type };
  const { id, isNew } = await putRelation(c.env.DB, relation, from, authorOf(c));
  return c.json({ id, artifact, target, type }, isNew ? 201 : 200);
}

async function list(c: Context<AppEnv>): Promise<Response> {
  const asked = readFilter(c);
  await requireBundle(c, asked.artifactId);
  const limits = { now: Date.now(), limit: LIMITS.relationsListed };
  return c.json(await listRelations(c.env.DB, readerFor(c.var.identity), asked, limits));
}

async function remove(c: Context<AppEnv>): Promise<Response> {
  const { identity } = c.var;
  requireSomebody(identity);
  const id = parseCount(c.req.param("id") ?? "");
  const reader = readerFor(identity);
  const relation = id && (await findRelation(c.env.DB, reader, id, Date.now()));
  if (!relation) {
    throw new AppError("relation_not_found");
  }
  if (!mayAdd(identity, relation)) {
    throw new AppError("contributor_needed");
  }
  await deleteRelation(c.env.DB, relation, authorOf(c));
  return c.body(null, 204);
}

function readFilter(c: Context<AppEnv>): { end: "artifact" | "target"; artifactId: number } {
  const [artifact, target] = [c.req.query("artifact"), c.req.query("target_artifact")];
  const text = artifact ?? target;
  if (text === undefined) {
    throw new AppError("relation_filter_missing");
  }
  const artifactId = parseCount(text);
  if (artifactId === null) {
    throw new AppError("artifact_not_found", `'${text}'`);
  }
  return { end: artifact === undefined ? "target" : "artifact", artifactId };
}
