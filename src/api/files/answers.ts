// The headers in which /files/ says how an upload is, and what it became.

import type { Context } from "hono";

import type { AppEnv } from "../../app-env.ts";
import { findUploadedArtifact } from "../../catalog/publish/upload-homes.ts";
import { formatHttpDate } from "../../http/http-date.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { uploadLimit, uploadUrl } from "../../protocol/tus.ts";
import type { Dialect } from "../../protocol/tus.ts";
import type { UploadFacts } from "../../protocol/uploads.ts";
import { fileUrl, folderUrl } from "../../protocol/urls.ts";

/** What an upload became, as its last answer shows it. */
export interface ShownArtifact {
  id: number;
  uuid: string;
  version: number | null;
  url: string;
}

/** An upload's absolute address: clients take scheme and host from it. */
export function locationOf(c: Context<AppEnv>, uuid: Uuid): string {
  return new URL(uploadUrl(uuid), c.req.url).href;
}

/** Says how an upload is. Gives what it became, or null. */
export async function sayFacts(
  c: Context<AppEnv>,
  facts: UploadFacts,
  dialect: Dialect,
): Promise<ShownArtifact | null> {
  const { offset, length, became, lastAppendAt } = facts;
  const { uploadIdleMs, maxAppendBytes } = c.var.settings;
  const expiresAt = lastAppendAt + uploadIdleMs;
  if (offset !== null) {
    c.header("Upload-Offset", String(offset));
  }
  if (length !== null) {
    c.header("Upload-Length", String(length));
  }
  if (dialect === "ietf") {
    c.header("Upload-Complete", became === null ? "?0" : "?1");
    c.header("Upload-Limit", uploadLimit(maxAppendBytes, (expiresAt - Date.now()) / 1000));
  } else {
    c.header("Upload-Limit", uploadLimit(maxAppendBytes, null));
  }
  if (became === null) {
    c.header("Upload-Expires", formatHttpDate(expiresAt));
  }
  return became === null ? null : sayArtifact(c, became, facts.plan?.intent?.path ?? null);
}

async function sayArtifact(
  c: Context<AppEnv>,
  became: NonNullable<UploadFacts["became"]>,
  path: string | null,
): Promise<ShownArtifact | null> {
  const { artifactUuid, versionIndex: version, sha256, sha512 } = became;
  c.header("Repr-Digest", `sha-256=:${toBase64(sha256)}:, sha-512=:${toBase64(sha512)}:`);
  const artifact = await findUploadedArtifact(c.env.DB, artifactUuid);
  if (artifact === null) {
    return null; // deleted, and forgotten
  }
  const { id, name } = artifact;
  const url = version === null ? folderUrl(id, "") : fileUrl(id, path ?? name, { version });
  c.header("Stowage-Artifact", String(id));
  if (version !== null) {
    c.header("Stowage-Version", String(version));
  }
  c.header("Link", `<${url}>; rel="item"`);
  return { id, uuid: artifactUuid, version, url };
}

function toBase64(hex: string): string {
  return Uint8Array.fromHex(hex).toBase64();
}
