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

/** May the reader see workspace `w`? Members, the workspace itself and those it trusts, and anyone where it
 * is public. */
export const VISIBLE = `(
  ?1 = 1 OR w.public = 1 OR w.id = ?2
  OR EXISTS (SELECT 1 FROM trusts t WHERE t.workspace_id = w.id AND t.trusted_id = ?2)
  OR EXISTS (SELECT 1 FROM members m WHERE m.workspace_id = w.id AND m.user_id = ?3)
)`;

/** May the reader read artifact `a` of workspace `w`? Who sees the workspace may, and anyone where the
 * artifact is shared. */
export const READABLE = `(a.shared = 1 OR ${VISIBLE})`;

/** May the reader add artifacts to workspace `w`? Its own keys, contributors and owners, and `system`; a
 * worker reads only, which auth/access.ts decides. */
export const WRITABLE = `(
  ?1 = 1 OR w.id = ?2 OR EXISTS (
    SELECT 1 FROM members m
    WHERE m.workspace_id = w.id AND m.user_id = ?3 AND m.role IN ('owner', 'contributor'))
)`;

/** The workspaces of which READABLE lets the reader read everything; not for a reader of all. */
export const READABLE_WORKSPACES = `
  SELECT ?2 AS id WHERE ?2 IS NOT NULL
  UNION SELECT workspace_id FROM trusts WHERE trusted_id = ?2
  UNION SELECT workspace_id FROM members WHERE user_id = ?3
  UNION SELECT id FROM workspaces WHERE public = 1`;

/** The workspaces of which a reader's lists, bare names and notes tell it: its own, those that it is a member of, and
 * those that trust it once it accepted that. A trust alone lets it read by ids. */
export const FAMILIAR_WORKSPACES = `
  SELECT ?2 AS id WHERE ?2 IS NOT NULL
  UNION SELECT workspace_id FROM trusts WHERE trusted_id = ?2 AND accepted_at IS NOT NULL
  UNION SELECT workspace_id FROM members WHERE user_id = ?3`;

/** Artifact `a` neither deleted nor expired at the time `now`, a parameter's name. An artifact whose
 * `expires_at` is now is gone. */
export function livingAt(now: string): string {
  return `(a.deleted_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > ${now}))`;
}
