/** Every kind of difference that the check finds; src/openapi/differences.ts tells what they mean. */
export const DIFFERENCE_KINDS = [
  "object_missing",
  "object_short",
  "object_orphan",
  "object_foreign",
  "audit_missing",
  "audit_altered",
  "audit_chain",
  "content_damaged",
  "content_unreadable",
  "version_state",
  "version_order",
  "version_sums",
  "version_manifest",
  "version_refs",
  "version_contents",
  "content_unheld",
  "artifact_index",
  "artifact_fetching",
  "garbage_referenced",
  "sweep_behind",
  "used_bytes",
  "used_entries",
  "upload_lost",
  "upload_ended",
  "upload_foreign",
  "upload_unlisted",
] as const;

/** One thing that does not agree with another. */
export interface Difference {
  kind: (typeof DIFFERENCE_KINDS)[number];
  /** The key, uuid or name that it is about. */
  subject: string;
  /** The values. */
  detail: string;
  isRepaired: boolean;
}

/** A difference that nobody has repaired. */
export function difference(kind: Difference["kind"], subject: string, detail: string): Difference {
  return { kind, subject, detail, isRepaired: false };
}
