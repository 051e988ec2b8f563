// Artifacts whose files are declared, made as the API makes them.

import { env } from "cloudflare:workers";

import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { sealIfComplete, takeIn } from "../../../src/drafts/call-draft.ts";
import { declareArtifact } from "../../../src/drafts/declare.ts";
import type { Made } from "../../../src/drafts/declare.ts";
import type { TakenIn } from "../../../src/drafts/store-pack.ts";
import type { Outcome } from "../../../src/protocol/errors.ts";
import { comparePaths } from "../../../src/protocol/paths.ts";
import { hexDigest } from "./bytes.ts";
import { smallFile } from "./small-file.ts";

export type Files = Record<string, Uint8Array>;

/** Declares an artifact of these files in a workspace. */
export async function declare(
  { id: workspaceId }: Pick<Workspace, "id">,
  files: Files,
  stores: Pick<Env, "DB" | "BUCKET" | "DRAFTS"> = env,
  category = "c",
): Promise<Made> {
  const described = await Promise.all(
    Object.entries(files).map(async ([path, data]) => ({
      path,
      size: data.length,
      sha256: await hexDigest("SHA-256", data),
      contentType: path.endsWith(".html") ? "text/html" : null,
    })),
  );
  const sorted = described.toSorted((one, other) => comparePaths(one.path, other.path));
  const made = await declareArtifact(
    stores,
    { workspaceId, category, data: "{}", expiresAt: null, actor: "owner/ci", files: sorted },
    Date.now(),
  );
  if (made.isComplete) {
    await sealIfComplete(stores.DRAFTS, made.draft);
  }
  return made;
}

/** Sends small files of an artifact, all at once, on behalf of a workspace. */
export function put(
  { draft }: Pick<Made, "draft">,
  { id }: Pick<Workspace, "id">,
  files: Files,
): Promise<Outcome<TakenIn>[]> {
  const reader = { all: false, workspaceId: id, userId: null };
  return Promise.all(
    Object.entries(files).map(([path, data]) =>
      takeIn(env.DRAFTS, draft, { reader, actor: "owner/ci", file: smallFile(path, data) }),
    ),
  );
}
