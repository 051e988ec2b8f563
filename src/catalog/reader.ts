// Who reads: the one place that says in SQL which artifacts an identity may read.

/** An identity as the catalog's statements need it. `all` is the workspace `system` or a worker. */
export interface Reader {
  all: boolean;
  workspaceId: number | null;
  userId: number | null;
}

/** Nobody reads what is public. */
export const NOBODY: Reader = { all: false, workspaceId: null, userId: null };

/** The values of ?1, ?2 and ?3, first in every statement that uses READABLE. */
export function readerParameters(reader: Reader): [number, number | null, number | null] {
  return [reader.all ? 1 : 0, reader.workspaceId, reader.userId];
}

/** May the reader read artifact `a` of workspace `w`? Members, the workspace itself and those it trusts,
 * and anyone where the workspace is public or the artifact shared. */
export const READABLE = `(
  ?1 = 1 OR a.shared = 1 OR w.public = 1 OR a.workspace_id = ?2
  OR EXISTS (SELECT 1 FROM trusts t WHERE t.workspace_id = a.workspace_id AND t.trusted_id = ?2)
  OR EXISTS (SELECT 1 FROM members m WHERE m.workspace_id = a.workspace_id AND m.user_id = ?3)
)`;

/** May the reader list workspace `w`? As READABLE, but for what is shared of a private one. */
export const LISTABLE = `(
  ?1 = 1 OR w.public = 1 OR w.id = ?2
  OR EXISTS (SELECT 1 FROM trusts t WHERE t.workspace_id = w.id AND t.trusted_id = ?2)
  OR EXISTS (SELECT 1 FROM members m WHERE m.workspace_id = w.id AND m.user_id = ?3)
)`;

/** Artifact `a` neither deleted nor expired at the time `now`, a parameter's name. An artifact whose
 * `expires_at` is now is gone. */
export function livingAt(now: string): string {
  return `(a.deleted_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > ${now}))`;
}
