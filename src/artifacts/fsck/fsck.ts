// The check of everything that is stored, cut into calls of bounded work. It changes nothing unless told to repair,
// and may run, be cut off and be repeated while the service goes on: what it calls a difference is none that a
// request under way makes.

import { StorageError } from "../../blobs/objects.ts";
import { AppError } from "../../protocol/errors.ts";
import { checkAuditObjects } from "./audit.ts";
import { checkContent } from "./content.ts";
import { checkListedObjects } from "./objects.ts";
import type { Check, CheckContext, CheckedPage, Position } from "./page.ts";
import {
  checkArtifactRows,
  checkContentRows,
  checkGarbageRows,
  checkOverdue,
  checkWorkspaceRows,
} from "./rows.ts";
import { checkStored } from "./stored.ts";
import { checkListedUploads } from "./uploads.ts";
import { checkVersionRows } from "./versions.ts";

/** In order: what a repair changes comes before what is computed from it, and before a sweep what it may not take. */
const CHECKS = {
  versions: checkVersionRows,
  contents: checkContentRows,
  garbage: checkGarbageRows,
  overdue: checkOverdue,
  artifacts: checkArtifactRows,
  workspaces: checkWorkspaceRows,
  uploads: checkListedUploads,
  stored: checkStored,
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
  const { check, from } = cursor ?? { check: "versions", from: [] };
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
