// Who may add to no workspace is refused before anything is read of what they send. Where they may add is decided later.

import { mayWriteSomewhere } from "../catalog/users.ts";
import { AppError } from "../protocol/errors.ts";
import type { Identity } from "../protocol/identity.ts";
import { requireSomebody } from "./access.ts";
import { Memory } from "./memory.ts";

/** Users who were found to be contributors, by id. */
const adders = new Memory<true>();

/** May the identity add to any workspace at all? */
async function mayAddSomewhere(identity: Identity, db: Env["DB"], now: number): Promise<boolean> {
  switch (identity.kind) {
    case "nobody":
    case "worker":
      return false;
    case "workspace":
      return true;
    case "user": {
      const name = String(identity.userId);
      if (adders.get(name, now) === true) {
        return true;
      }
      const isAdder = await mayWriteSomewhere(db, identity.userId);
      if (isAdder) {
        adders.add(name, true, now);
      }
      return isAdder;
    }
  }
}

/** Refuses whoever may not. */
export async function requireAdder(identity: Identity, db: Env["DB"], now: number): Promise<void> {
  requireSomebody(identity);
  if (!(await mayAddSomewhere(identity, db, now))) {
    throw new AppError("contributor_needed");
  }
}
