// The uploads that the catalog lists against their objects, and those against R2. Upload objects cannot be listed:
// one that neither a row nor an object in R2 leads to is not seen, and has nothing in R2.

import { objectSizes } from "../../blobs/list.ts";
import { forgetUpload } from "../../catalog/publish/uploads.ts";
import { checkUploads } from "../../catalog/upkeep/check-rows.ts";
import type { CheckedUpload } from "../../catalog/upkeep/check-rows.ts";
import { difference } from "../../protocol/differences.ts";
import type { Difference } from "../../protocol/differences.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { inspectUpload } from "../../uploads/gateway.ts";
import { following, page } from "./page.ts";
import type { Check, CheckContext } from "./page.ts";
import { compareObject } from "./stored.ts";

export const checkListedUploads: Check = async (context, from) => {
  const limit = LIMITS.fsckUploads;
  const uploads = await checkUploads(context.env.DB, String(from[0] ?? ""), limit);
  const differences: Difference[] = [];
  let objects = 0;
  for (const [at, upload] of uploads.entries()) {
    const checked = await compareUpload(context, upload);
    objects += checked.objects;
    differences.push(...checked.differences);
    // One upload may have a thousand objects.
    if (objects >= LIMITS.fsckKeys) {
      return page({ next: [upload.uuid], uploads: at + 1, differences });
    }
  }
  const next = following(uploads, limit, ({ uuid }) => [uuid]);
  return page({ next, uploads: uploads.length, differences });
};

async function compareUpload(
  context: CheckContext,
  upload: CheckedUpload,
): Promise<{ objects: number; differences: Difference[] }> {
  const { env, now } = context;
  const { uuid, workspaceId, createdAt } = upload;
  const found = await inspectUpload(env.UPLOADS, uuid);
  if (found === null) {
    // Until then its client may still be opening it.
    const isLost = createdAt < now - LIMITS.fsckSlack;
    const why = "its bytes are not here any more";
    return { objects: 0, differences: isLost ? [await forget(context, upload, why)] : [] };
  }
  if (found.phase === "sealed") {
    return { objects: 0, differences: await compareEnded(context, upload) };
  }
  if (found.workspaceId !== workspaceId) {
    const detail = `workspace ${found.workspaceId}, not ${workspaceId}`;
    return { objects: 0, differences: [difference("upload_foreign", uuid, detail)] };
  }
  // What an expired one has is on its way out.
  const held = found.phase === "expired" ? [] : found.objects;
  const sizes = await objectSizes(
    env.BUCKET,
    held.map(({ key }) => key),
  );
  const of = `upload ${uuid}`;
  const wrong = held.flatMap(({ key, length }) =>
    compareObject({ key, end: length, of }, sizes.get(key) ?? null),
  );
  if (wrong.length === 0) {
    return { objects: sizes.size, differences: [] };
  }
  // A truncate or an expiry may have removed them meanwhile.
  const again = await inspectUpload(env.UPLOADS, uuid);
  const still = new Set(again?.objects.map(({ key }) => key));
  return {
    objects: sizes.size,
    differences: wrong.filter(({ subject }) => still.has(subject)),
  };
}

/** The batch that publishes an upload ends its row, so before its object is sealed: the row is read again. */
async function compareEnded(context: CheckContext, upload: CheckedUpload): Promise<Difference[]> {
  const [row] = await checkUploads(context.env.DB, before(upload.uuid), 1);
  return row?.uuid === upload.uuid
    ? [{ ...(await forget(context, upload, "it ended")), kind: "upload_ended" }]
    : [];
}

/** A text right before a uuid in their order. */
function before(uuid: string): string {
  return uuid.slice(0, -1);
}

async function forget(
  { env, now, repairs }: CheckContext,
  { uuid, createdAt }: CheckedUpload,
  why: string,
): Promise<Difference> {
  if (repairs) {
    await forgetUpload(env.DB, uuid, why, { now });
  }
  const detail = `opened ${new Date(createdAt).toISOString()}`;
  return { ...difference("upload_lost", uuid, detail), isRepaired: repairs };
}
