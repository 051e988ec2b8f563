// The bounds of what clients note of a thing, whichever table has it.

import { LIMITS } from "../protocol/limits.ts";
import { sql } from "./sql.ts";
import type { Sql } from "./sql.ts";

/** A key with its value, as JSON text. */
export interface Note {
  key: string;
  value: string;
}

/** What a write came to: `full` is refused, `foreign` is a blob that the workspace does not hold. */
export type Noted = "noted" | "full" | "foreign";

/** Is there room for a note beside others of the same thing, a table and a condition? */
export function hasRoomBeside(others: Sql, { key, value }: Note): Sql {
  return sql`(SELECT count(*) < ${LIMITS.metadataEntries}
      AND coalesce(sum(octet_length(key) + octet_length(value)), 0)
        + octet_length(${key}) + octet_length(${value}) <= ${LIMITS.metadataBytes}
    FROM ${others} AND key <> ${key})`;
}
