// Who may add to no workspace is refused before anything is read of what they send. Where they may add is decided later.

import { findReach } from "../catalog/access/users.ts";
import { AppError } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import type { Identity } from "../protocol/identity.ts";
import { requireSomebody } from "./access.ts";
import { Memory } from "./memory.ts";

/** Users who were found to be contributors, by id. */
const adders = new Memory<true>();

/** Refuses whoever may add to no workspace at all; `hidden` tells those who may not even read one. */
export async function requireAdder(
  identity: Identity,
  db: Env["DB"],
  hidden: ErrorCode,
): Promise<void> {
  requireSomebody(identity);
  if (identity.kind === "worker") {
    throw new AppError("contributor_needed");
  }
  if (identity.kind === "user") {
    await requireReach(identity.userId, db, hidden);
  }
}

async function requireReach(userId: number, db: Env["DB"], hidden: ErrorCode): Promise<void> {
  const now = Date.now();
  const name = String(userId);
  if (adders.get(name, now) === true) {
    return;
  }
  const reach = await findReach(db, userId);
  if (reach !== "adds") {
    throw new AppError(reach === null ? hidden : "contributor_needed");
  }
  adders.add(name, true, now);
}
