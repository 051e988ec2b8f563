// Who may do what, as pure rules. What of an artifact is readable is asked of the catalog (catalog/reader.ts).

import type { Role } from "../catalog/access/users.ts";
import { NOBODY } from "../catalog/reader.ts";
import type { Reader } from "../catalog/reader.ts";
import { AppError } from "../protocol/errors.ts";
import type { Identity } from "../protocol/identity.ts";

/** The identity as the catalog's statements need it. */
export function readerFor(identity: Identity): Reader {
  switch (identity.kind) {
    case "nobody":
      return NOBODY;
    case "workspace":
      return { all: identity.isSystem, workspaceId: identity.workspaceId, userId: null };
    case "user":
      return { all: false, workspaceId: null, userId: identity.userId };
    case "worker":
      return { all: true, workspaceId: null, userId: null };
  }
}

/** What a page answers (docs/conformance.md, `/a/`). A refused token never leads to the login page: a
 * script would save it as its file. */
export function decidePage(
  identity: Identity,
  readable: boolean,
): "show" | "login" | "refuse" | "forbid" {
  if (readable) {
    return "show";
  }
  if (identity.kind !== "nobody") {
    return "forbid";
  }
  return identity.refusal === null ? "login" : "refuse";
}

/** May the identity add to a workspace that its reader may write to? A worker only reads. */
export function mayAdd(identity: Identity, { writable }: { writable: boolean }): boolean {
  return writable && identity.kind !== "worker";
}

/** The identity when it is a workspace key: only those open and convert uploads. */
export function requireWorkspaceKey(identity: Identity): Identity & { kind: "workspace" } {
  if (identity.kind === "workspace") {
    return identity;
  }
  requireSomebody(identity);
  throw new AppError("workspace_key_needed");
}

/** May the identity change an artifact that it may read? Its own workspace, contributors and owners, `system`; no
 * trust and no sharing lets anyone else. `role` is the identity's in the artifact's workspace. */
export function mayWrite(
  identity: Identity,
  artifact: { workspaceId: number; role: Role | null },
): boolean {
  switch (identity.kind) {
    case "workspace":
      return identity.isSystem || identity.workspaceId === artifact.workspaceId;
    case "user":
      return artifact.role === "owner" || artifact.role === "contributor";
    case "nobody":
    case "worker":
      return false;
  }
}

/** Refuses all but the workspace `system`. */
export function requireSystem(identity: Identity): void {
  if (!requireWorkspaceKey(identity).isSystem) {
    throw new AppError("system_only");
  }
}

/** Refuses all but the workspace of that name and `system`, which then need not know whether it exists. */
export function requireOwn(identity: Identity, workspace: string): void {
  const key = requireWorkspaceKey(identity);
  if (!key.isSystem && key.name !== workspace) {
    throw new AppError("namespace_not_found", `'${workspace}'`);
  }
}

/** Refuses a request without good credentials; what the others may see is decided further on. */
export function requireSomebody(identity: Identity): void {
  if (identity.kind === "nobody") {
    throw new AppError(identity.refusal ?? "token_missing");
  }
}
