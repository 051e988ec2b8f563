// Artifacts whose files are declared, made as the API makes them.

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";

import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { openDraft, sealIfComplete, takeIn } from "../../../src/drafts/call-draft.ts";
import { declareArtifact } from "../../../src/drafts/declare.ts";
import type { Made } from "../../../src/drafts/declare.ts";
import { DeclaredWriter } from "../../../src/drafts/declared.ts";
import { toParts } from "../../../src/drafts/draft-rows.ts";
import type { TakenIn } from "../../../src/drafts/store-pack.ts";
import type { Outcome } from "../../../src/protocol/errors.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
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

/** Opens the draft of a version that was made from below, with files that it misses; empty ones it has. */
export async function openDraftOf(
  { draft, artifactUuid }: { draft: Uuid; artifactUuid: Uuid },
  { id: workspaceId }: Pick<Workspace, "id">,
  sizes: readonly number[],
): Promise<void> {
  const writer = new DeclaredWriter();
  for (const [at, size] of sizes.entries()) {
    writer.add({ path: `file-${at}`, size, sha256: String(at).repeat(64), contentType: null });
  }
  const head = { uuid: draft, artifactUuid, workspaceId };
  await openDraft(env.DRAFTS, head, toParts("declared", writer.finish()));
}

/** Changes the row of a draft, which is read anew. */
export async function changeDraft(draft: Uuid, assignment: string): Promise<void> {
  const object = env.DRAFTS.getByName(draft);
  await runInDurableObject(object, (_, { storage }) => {
    storage.sql.exec(`UPDATE draft SET ${assignment}`);
  });
  await evictDurableObject(object);
}
