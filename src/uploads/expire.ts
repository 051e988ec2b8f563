// The end of an upload that nobody goes on with, and the removal of what an upload leaves in R2.

import { abortMultipart, removeObjects } from "../blobs/objects.ts";
import type { ExpiryReply } from "../protocol/uploads.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import { isExpired } from "./state.ts";

/** Removes the upload with all its R2 data when it is open and got no byte since `idleBefore`. A crash
 * after any step leaves the rows that name what is still to be removed. */
export async function expire(context: UploadContext, idleBefore: number): Promise<ExpiryReply> {
  const state = requireState(context);
  if (!isExpired(state, idleBefore)) {
    return { kind: "kept", lastAppendAt: state.lastAppendAt };
  }
  context.ledger.dropAllExtents();
  await removeLeftovers(context);
  await context.ledger.clear();
  return { kind: "expired" };
}

/** Deletes R2 data that the upload no longer needs; nobody else ever knew its keys. */
export async function removeLeftovers({ ledger, bucket }: UploadContext): Promise<void> {
  for (;;) {
    const leftovers = ledger.leftovers();
    if (leftovers.length === 0) {
      return;
    }
    for (const { multipart } of leftovers) {
      if (multipart !== null) {
        await abortMultipart(bucket, multipart);
      }
    }
    const keys = leftovers.map(({ key }) => key);
    await removeObjects(bucket, keys);
    ledger.forgetLeftovers(keys);
  }
}
