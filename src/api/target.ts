import { isTrustedBy } from "../catalog/access/trusts.ts";
import { requireWorkspace } from "../catalog/access/workspaces.ts";
import type { Workspace } from "../catalog/access/workspaces.ts";
import { AppError } from "../protocol/errors.ts";
import type { Identity } from "../protocol/identity.ts";

/** The workspace that a key asks to make an artifact in: its own, any for `system`, or one that trusts it, to
 * which it is a gift. All others do not exist for it. */
export async function requireTarget(
  db: Env["DB"],
  key: Identity & { kind: "workspace" },
  namespace: string | null,
): Promise<Workspace & { isGift: boolean }> {
  const name = namespace ?? key.name;
  const isGift = !key.isSystem && name !== key.name;
  if (isGift && !(await isTrustedBy(db, name, key.workspaceId))) {
    throw new AppError("namespace_not_found", `'${name}'`);
  }
  return { ...(await requireWorkspace(db, name)), isGift };
}
