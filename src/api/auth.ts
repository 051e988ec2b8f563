import { Routes } from "../app-env.ts";
import { signAccessToken } from "../auth/access-tokens.ts";
import type { TokenSubject } from "../auth/access-tokens.ts";
import { requestNetwork } from "../auth/author.ts";
import { SYSTEM_KEY_NAME, systemNonce } from "../auth/identify.ts";
import { isSameSecret, isSecret } from "../auth/passwords.ts";
import { mayNoteRefusal } from "../auth/rates.ts";
import { addAudit } from "../catalog/audit.ts";
import { listKeys } from "../catalog/keys.ts";
import { requireWorkspace, SYSTEM } from "../catalog/workspaces.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { AuthRequest } from "../protocol/requests.ts";
import type { Settings } from "../settings.ts";
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
  const subject = await subjectFor(c.env.DB, settings, namespace, key);
  if (subject === null) {
    const note = { action: "token refused", workspace: namespace };
    if (await mayNoteRefusal(c.env, origin.network)) {
      await addAudit(c.env.DB, note, { actor: "nobody", origin, now });
    }
    throw new AppError("key_unauthorized");
  }
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

/** The key that the secret is of; null for none. */
async function subjectFor(
  db: Env["DB"],
  settings: Settings,
  workspace: string,
  secret: string,
): Promise<TokenSubject | null> {
  if (workspace === SYSTEM) {
    if (await isSameSecret(secret, settings.systemKey)) {
      return { workspace, keyName: SYSTEM_KEY_NAME, nonce: await systemNonce(settings) };
    }
    return null;
  }
  const { id } = await requireWorkspace(db, workspace);
  for (const key of await listKeys(db, id)) {
    if (await isSecret(secret, key.secretHash)) {
      return { workspace, keyName: key.name, nonce: key.nonce };
    }
  }
  return null;
}
