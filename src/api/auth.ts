import { Routes } from "../app-env.ts";
import { signAccessToken } from "../auth/access-tokens.ts";
import { requestNetwork } from "../auth/author.ts";
import { checkKey } from "../auth/check-key.ts";
import { mayNoteRefusal } from "../auth/rates.ts";
import { addAudit } from "../catalog/audit.ts";
import { requireWorkspace } from "../catalog/workspaces.ts";
import { AppError } from "../protocol/errors.ts";
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
  const { settings } = c.var;
  const { requestId } = c.var;
  const now = Date.now();
  const origin = { requestId, network: requestNetwork(c) };
  const attempt = { workspace: namespace, secret: key, network: origin.network };
  const checked = await checkKey(c.env.DB, settings, attempt, now);
  if (!checked.ok) {
    if (checked.code === "keys_too_often") {
      c.header("Retry-After", String(checked.waitSeconds));
      throw new AppError(checked.code, `${checked.waitSeconds} seconds to wait`);
    }
    await requireWorkspace(c.env.DB, namespace); // a name that nobody has is not kept
    const note = { action: "token refused", workspace: namespace };
    if (await mayNoteRefusal(c.env, origin.network)) {
      await addAudit(c.env.DB, note, { actor: "nobody", origin, now });
    }
    throw new AppError(checked.code);
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
