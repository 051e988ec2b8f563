import type { Context } from "hono";

import { Routes } from "../../app-env.ts";
import type { AppEnv } from "../../app-env.ts";
import { mayAdd, readerFor } from "../../auth/access.ts";
import { requireAdder } from "../../auth/adders.ts";
import { requesterOf } from "../../auth/author.ts";
import { lookUp } from "../../auth/look-up.ts";
import { SYSTEM } from "../../catalog/access/workspaces.ts";
import { findBundle, findHome } from "../../catalog/artifacts/bundles.ts";
import type { Bundle, Home } from "../../catalog/artifacts/bundles.ts";
import { sealIfComplete } from "../../drafts/call-draft.ts";
import { declareArtifact } from "../../drafts/declare.ts";
import type { Made } from "../../drafts/declare.ts";
import { useText } from "../../http/read-body.ts";
import { AppError } from "../../protocol/errors.ts";
import { parseCount } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { describeBundle } from "./describe-bundle.ts";
import { readBundleRequest, readFiles } from "./read-bundle.ts";
import type { BundleRequest } from "./read-bundle.ts";

const DAY = 86_400_000;

/** Artifacts: made with all their files declared, and described. */
export const bundles = new Routes()
  .post("/artifact/", create)
  .post("/artifact", create)
  .get("/artifact/:id/", show)
  .get("/artifact/:id", show);

async function create(c: Context<AppEnv>): Promise<Response> {
  await requireAdder(c.var.identity, c.env.DB, "namespace_not_found");
  const now = Date.now();
  const declare = (text: string) => declareFrom(c, text, now);
  const { id, draft, isComplete } = await useText(c.req.raw, declare, {
    limit: LIMITS.bundleBody,
    tooLong: "bundle_too_large",
  });
  if (isComplete) {
    // Not while the body holds memory, of which a seal needs some.
    await sealIfComplete(c.env.DRAFTS, draft);
  }
  return describe(c, await requireBundle(c, id), 201);
}

/** The workspace is looked at before the files, which may be many. */
async function declareFrom(c: Context<AppEnv>, text: string, now: number): Promise<Made> {
  const request = await readBundleRequest(text, now);
  const home = await requireHome(c, request.workspace);
  const declaration = {
    ...request,
    files: await readFiles(request.files),
    workspaceId: home.id,
    expiresAt: expiryOf(request, home, now),
    ...requesterOf(c),
  };
  return declareArtifact(c.env, declaration, now);
}

async function show(c: Context<AppEnv>): Promise<Response> {
  const id = parseCount(c.req.param("id") ?? "");
  return describe(c, await requireBundle(c, id), 200);
}

function describe(c: Context<AppEnv>, bundle: Bundle, status: 200 | 201): Response {
  const find = () => findBundle(c.env.DB, readerFor(c.var.identity), bundle.id, Date.now());
  const body = describeBundle(c.env, bundle, { find, origin: new URL(c.req.url).origin });
  return c.body(body, status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
}

/** The workspace of that name, if the caller may add to it. Debusine's default is our workspace `system`. */
async function requireHome(c: Context<AppEnv>, asked: string): Promise<Home> {
  const name = asked.toLowerCase() === SYSTEM ? SYSTEM : asked;
  const home = await findHome(c.env.DB, readerFor(c.var.identity), name);
  if (home === null || !home.readable) {
    throw new AppError("namespace_not_found", `'${asked}'`);
  }
  if (!mayAdd(c.var.identity, home)) {
    throw new AppError("contributor_needed", `'${asked}'`);
  }
  return home;
}

/** A living artifact that the caller may read; to all others it does not exist. */
export async function requireBundle(c: Context<AppEnv>, id: number | null): Promise<Bundle> {
  const { identity } = c.var;
  const find = () => findBundle(c.env.DB, readerFor(identity), id ?? 0, Date.now());
  const bundle = id && (await lookUp(c, ["bundle", id], find));
  if (bundle && bundle.readable) {
    return bundle;
  }
  if (identity.kind === "nobody" && identity.refusal !== null) {
    throw new AppError(identity.refusal);
  }
  throw new AppError("artifact_not_found");
}

/** The earliest of what the request says; the workspace's default where it says nothing. */
function expiryOf({ expireAt, expirationDelay }: BundleRequest, home: Home, now: number) {
  const delay = expirationDelay ?? (expireAt === null ? home.defaultExpirationDays : null);
  const times = [expireAt, delay === null ? null : Math.round(now + delay * DAY)];
  const given = times.filter((time) => time !== null);
  return given.length === 0 ? null : Math.min(...given);
}
