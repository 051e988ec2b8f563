import type { Context } from "hono";

import { Routes } from "../app-env.ts";
import type { AppEnv } from "../app-env.ts";
import { signAccessToken } from "../auth/access-tokens.ts";
import { requestNetwork } from "../auth/author.ts";
import { checkKey } from "../auth/check-key.ts";
import type { KeyOutcome } from "../auth/check-key.ts";
import { mayNoteRefusal } from "../auth/rates.ts";
import { addAudit } from "../catalog/audit/audit.ts";
import { AppError } from "../protocol/errors.ts";
import type { Author } from "../protocol/identity.ts";
import type { Origin } from "../protocol/identity.ts";
import { LIMITS } from "../protocol/limits.ts";
import { AuthRequest } from "../protocol/requests.ts";
import { readJson } from "./json-body.ts";

/** POST /auth: a workspace's key for a token of 15 minutes. */
export const auth = new Routes().post("/", async (c) => {
  const { namespace, key } = await readJson(c.req.raw, AuthRequest);
  if (typeof namespace !== "string" || namespace === "") {
    throw new AppError("namespace_missing");
  }
  if (key === undefined || key === null || key === "") {
    throw new AppError("key_missing");
  }
  if (typeof key !== "string") {
    throw new AppError("key_not_a_string");
  }
  const { settings, requestId } = c.var;
  const now = Date.now();
  const origin = { requestId, network: requestNetwork(c) };
  const attempt = { workspace: namespace, secret: key, network: origin.network };
  const checked = await checkKey(c.env.DB, settings, attempt, now);
  if (!checked.ok) {
    return refuse(c, checked, namespace, { actor: "nobody", origin, now });
  }
  const { subject } = checked;
  const author = { actor: `${namespace}/${subject.keyName}`, origin, now };
  await addAudit(c.env.DB, { action: "token given", workspace: namespace }, author);
  const token = await signAccessToken(subject, settings.tokenSecret, now);
  c.header("Cache-Control", "no-store");
  return c.json({
    access_token: token,
    token_type: "Bearer",
    expires_in: LIMITS.accessTokenSeconds,
  });
});

/** Refuses, and notes wrong keys of workspaces that exist: a name that nobody has is not kept. */
async function refuse(
  c: Context<AppEnv>,
  refusal: KeyOutcome & { ok: false },
  workspace: string,
  author: Author & { origin: Origin },
): Promise<never> {
  switch (refusal.code) {
    case "keys_too_often":
      c.header("Retry-After", String(refusal.waitSeconds));
      throw new AppError(refusal.code, `${refusal.waitSeconds} seconds to wait`);
    case "namespace_not_found":
      throw new AppError(refusal.code, `'${workspace}'`);
    case "key_unauthorized":
      if (await mayNoteRefusal(c.env, author.origin.network)) {
        await addAudit(c.env.DB, { action: "token refused", workspace }, author);
      }
      throw new AppError(refusal.code);
  }
}
