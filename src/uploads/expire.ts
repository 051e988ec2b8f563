// The end of an upload that nobody goes on with, and the removal of what an upload leaves in R2.

import { abortMultipart, removeObjects } from "../blobs/objects.ts";
import type { ExpiryReply } from "../protocol/uploads.ts";
import { requireState } from "./context.ts";
import type { UploadContext } from "./context.ts";
import { adopt } from "./standing-rows.ts";
import { isExpired } from "./state.ts";

/** Removes the upload with all its R2 data when it is open and got no byte since `idleBefore`. First it ends:
 * nothing can be appended to what is half removed. What then fails is done by the next sweep or the alarm. */
export async function expire(context: UploadContext, idleBefore: number): Promise<ExpiryReply> {
  const state = requireState(context);
  if (!isExpired(state, idleBefore)) {
    // A seal under way is not idle: the catalog need not ask again soon.
    const isOpen = state.phase === "open";
    return { kind: "kept", lastAppendAt: isOpen ? state.lastAppendAt : Date.now() };
  }
  if (state.phase !== "expired") {
    if (state.joining?.isTaking === true) {
      // Some of them may be its own already; its parts have been idle for as long.
      const { parts } = state.joining;
      adopt(
        context.ledger,
        parts.flatMap(({ extents }) => extents),
      );
    }
    context.ledger.expire();
  }
  // One that gave its objects away answers for them until the alarm.
  await (state.standing.taker === null ? finishExpiry(context) : removeLeftovers(context));
  return { kind: "expired" };
}

/** Goes on with an expiry that has begun, or forgets a sealed upload. */
export async function finishExpiry(context: UploadContext): Promise<void> {
  await removeLeftovers(context);
  await context.ledger.clear();
}

/** Deletes R2 data that the upload no longer needs; nobody else ever knew its keys. */
export async function removeLeftovers({ ledger, bucket }: UploadContext): Promise<void> {
  for (;;) {
    const leftovers = ledger.leftovers.list();
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
    ledger.leftovers.remove(keys);
  }
}
