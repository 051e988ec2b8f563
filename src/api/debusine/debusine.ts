import type { Context } from "hono";

import { Routes } from "../../app-env.ts";
import type { AppEnv } from "../../app-env.ts";
import { AppError } from "../../protocol/errors.ts";
import type { Identity } from "../../protocol/identity.ts";
import { bundles } from "./bundles.ts";
import { files } from "./files.ts";
import { relations } from "./relations.ts";

/** `/api/1.0/`: what Debusine's client needs to make, fill, show and relate artifacts. */
export const debusine = new Routes()
  .route("/", bundles)
  .route("/", files)
  .route("/", relations)
  .get("/whoami", whoami)
  .get("/whoami/", whoami);

function whoami(c: Context<AppEnv>): Response {
  const { identity } = c.var;
  if (identity.kind === "nobody" && identity.refusal !== null) {
    throw new AppError(identity.refusal);
  }
  return c.json({
    user: nameOf(identity),
    auth: identity.kind !== "nobody",
    worker_token: identity.kind === "worker",
  });
}

function nameOf(identity: Identity): string {
  return identity.kind === "user" || identity.kind === "workspace" ? identity.name : "<anonymous>";
}
