// The check of everything that is stored, cut into calls of bounded work. It changes nothing unless told to repair,
// and may run, be cut off and be repeated while the service goes on: what it calls a difference is none that a
// request under way makes.

import { StorageError } from "../../blobs/objects.ts";
import { AppError } from "../../protocol/errors.ts";
import { checkAuditObjects } from "./audit.ts";
import { checkContent } from "./content.ts";
import { checkBlobObjects, checkListedObjects } from "./objects.ts";
import type { Check, CheckContext, CheckedPage, Position } from "./part.ts";
import {
  checkArtifactRows,
  checkBlobRows,
  checkGarbageRows,
  checkOverdue,
  checkWorkspaceRows,
} from "./rows.ts";
import { checkListedUploads } from "./uploads.ts";
import { checkVersionRows } from "./versions.ts";

/** In order: what a repair changes comes before what is computed from it. */
const CHECKS = {
  garbage: checkGarbageRows,
  overdue: checkOverdue,
  blobs: checkBlobRows,
  versions: checkVersionRows,
  artifacts: checkArtifactRows,
  workspaces: checkWorkspaceRows,
  uploads: checkListedUploads,
  extents: checkBlobObjects,
  audit: checkAuditObjects,
  objects: checkListedObjects,
  content: checkContent,
} satisfies Record<string, Check>;

type CheckName = keyof typeof CHECKS;

const NAMES = Object.keys(CHECKS) as CheckName[];

/** Where the check goes on. */
export interface CheckCursor {
  check: CheckName;
  from: Position;
}

/** Tells the name of a check. */
export function isCheckName(name: unknown): name is CheckName {
  return typeof name === "string" && Object.hasOwn(CHECKS, name);
}

/** Does the next bounded piece of the check; null begins, and ends. */
export async function checkOn(
  context: CheckContext,
  cursor: CheckCursor | null,
): Promise<CheckedPage & { cursor: CheckCursor | null }> {
  const { check, from } = cursor ?? { check: "garbage", from: [] };
  const found = await CHECKS[check](context, from).catch((error: unknown) => {
    throw error instanceof StorageError ? new AppError("storage_unavailable") : error;
  });
  if (found.next !== null) {
    return { ...found, cursor: { check, from: found.next } };
  }
  const following = NAMES[NAMES.indexOf(check) + 1];
  const isOver = following === undefined || (following === "content" && context.percent === 0);
  return { ...found, cursor: isOver ? null : { check: following, from: [] } };
}
