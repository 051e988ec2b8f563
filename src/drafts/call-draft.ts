// The only callers of the binding DRAFTS. A draft's object is named by the draft's uuid.

import { AppError } from "../protocol/errors.ts";
import type { Outcome } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { ExpiryReply } from "../protocol/uploads.ts";
import { isLost } from "../uploads/lost-object.ts";
import type { DeclaredFile } from "./declared.ts";
import { readPage } from "./declared.ts";
import { NEWER } from "./draft-object.ts";
import type { Brought, Delivery, DraftInspection } from "./draft-object.ts";
import type { DeclarationPart, DraftHead } from "./draft-rows.ts";
import type { BroughtContent } from "./draft.ts";
import type { DraftFile, TakenIn } from "./store-pack.ts";

type Drafts = Env["DRAFTS"];

/** Makes a call; refuses when the object was lost. */
export async function callDraft<T>(
  drafts: Drafts,
  uuid: Uuid,
  call: (draft: ReturnType<Drafts["getByName"]>) => Promise<T>,
): Promise<T> {
  try {
    return await call(drafts.getByName(uuid));
  } catch (error) {
    if (String(error).includes(NEWER)) {
      throw new AppError("object_newer");
    }
    throw isLost(error) ? new AppError("storage_unavailable") : error;
  }
}

/** Opens a draft with all that was declared; not to be repeated. */
export async function openDraft(
  drafts: Drafts,
  head: DraftHead,
  parts: readonly DeclarationPart[],
): Promise<void> {
  let some: DeclarationPart[] = [];
  let length = 0;
  for (const part of parts) {
    if (length + part.bytes.length > LIMITS.draftCall) {
      const full = some;
      await callDraft(drafts, head.uuid, async (draft) => draft.add(full, null));
      some = [];
      length = 0;
    }
    some.push(part);
    length += part.bytes.length;
  }
  await callDraft(drafts, head.uuid, async (draft) => draft.add(some, head));
}

/** Sends a small file to its draft. May be repeated: a file that is there is not stored again. */
export function takeIn(drafts: Drafts, uuid: Uuid, delivery: Delivery): Promise<Outcome<TakenIn>> {
  return callDraft(drafts, uuid, async (draft) => draft.take(delivery));
}

/** Gives the bytes of an upload to a draft; a repeat is told the same while the draft is there. */
export function bringUpload(
  drafts: Drafts,
  uuid: Uuid,
  upload: Uuid,
  content: BroughtContent,
): Promise<Brought> {
  return callDraft(drafts, uuid, async (draft) => draft.bring(upload, content));
}

/** Did a draft take the bytes of an upload? Not one that has ended. */
export function holdsUpload(drafts: Drafts, uuid: Uuid, upload: Uuid): Promise<boolean> {
  return callDraft(drafts, uuid, async (draft) => draft.holds(upload));
}

/** Seals the version of a draft that misses nothing; waits for it, but not for ever. */
export function sealIfComplete(drafts: Drafts, uuid: Uuid): Promise<void> {
  return callDraft(drafts, uuid, async (draft) => draft.seal());
}

/** A file of a draft by its path; `gone` when the draft has ended. */
export function findDraftFile(
  drafts: Drafts,
  uuid: Uuid,
  path: string,
): Promise<DraftFile | "gone" | null> {
  return callDraft(drafts, uuid, async (draft) => draft.look(path));
}

/** Some of the files of a draft behind a number, all or those missing, and the number to go on behind, null at the end;
 * null when the draft has ended. */
export async function listDraftFiles(
  drafts: Drafts,
  uuid: Uuid,
  which: "all" | "missing",
  after: number,
): Promise<{ files: DeclaredFile[]; last: number | null } | null> {
  const page = await callDraft(drafts, uuid, async (draft) => draft.list(which, after));
  return page && { files: [...readPage(page)], last: page.isEnd ? null : page.last };
}

/** Ends a draft that got no file since `idleBefore`; the draft itself decides. */
export function expireDraft(drafts: Drafts, uuid: Uuid, idleBefore: number): Promise<ExpiryReply> {
  return callDraft(drafts, uuid, async (draft) => draft.expire(idleBefore));
}

/** Ends a draft whose version was deleted; one that has ended already stays so. */
export function dropDraft(drafts: Drafts, uuid: Uuid): Promise<void> {
  return callDraft(drafts, uuid, async (draft) => draft.drop());
}

/** What a draft holds; null when it has ended. */
export function inspectDraft(drafts: Drafts, uuid: Uuid): Promise<DraftInspection | null> {
  return callDraft(drafts, uuid, async (draft) => draft.inspect());
}
