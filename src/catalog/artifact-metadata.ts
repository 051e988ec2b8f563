// What a workspace notes on its artifacts: any JSON value under any key. Objects made of it have own properties
// only, whatever the keys are called.

import { LIMITS } from "../protocol/limits.ts";
import type { Author } from "../protocol/identity.ts";
import { noteEvent, trimEvents } from "./events.ts";
import { roomFor } from "./metadata.ts";

/** The metadata of artifact `a` as JSON text. */
export const METADATA_OF_A = `(
  SELECT json_group_object(m.key, json(m.value)) FROM artifact_metadata m WHERE m.artifact_id = a.id
)`;

/** Reads what METADATA_OF_A wrote. */
export function parseMetadata(json: string): Record<string, unknown> {
  return JSON.parse(json) as Record<string, unknown>;
}

const LIVING = "artifacts a WHERE a.id = ?1 AND a.deleted_at IS NULL";

/** Sets a key of an artifact's metadata. False, and nothing changes, when the artifact is deleted or its metadata
 * would pass LIMITS. */
export async function putMetadata(
  db: D1Database,
  artifactId: number,
  { key, value }: { key: string; value: unknown },
  author: Author,
): Promise<boolean> {
  const others = "artifact_metadata WHERE artifact_id = ?1 AND key <> ?2";
  const room = roomFor(others, { key: "?2", value: "?3", limits: ["?4", "?5"] });
  const values = [
    artifactId,
    key,
    JSON.stringify(value),
    LIMITS.metadataEntries,
    LIMITS.metadataBytes,
  ];
  const from = `${LIVING} AND ${room}`;
  const set = { type: "audit", message: "metadata set", ...author } as const;
  const results = await db.batch([
    noteEvent(db, { from, values }, { ...set, extra: "json_object('key', ?2)" }),
    trimEvents(db, "?1", [artifactId]),
    db
      .prepare(
        `INSERT INTO artifact_metadata (artifact_id, key, value) SELECT a.id, ?2, ?3 FROM ${from}
         ON CONFLICT (artifact_id, key) DO UPDATE SET value = ?3`,
      )
      .bind(...values),
  ]);
  return (results.at(-1)?.meta.changes ?? 0) > 0;
}

/** Deletes a key of an artifact's metadata; one that is not there is as good as deleted. */
export async function deleteMetadata(
  db: D1Database,
  artifactId: number,
  key: string,
  author: Author,
): Promise<void> {
  const there = `${LIVING} AND EXISTS (
    SELECT 1 FROM artifact_metadata m WHERE m.artifact_id = a.id AND m.key = ?2)`;
  const deleted = { type: "audit", message: "metadata deleted", ...author } as const;
  await db.batch([
    noteEvent(
      db,
      { from: there, values: [artifactId, key] },
      { ...deleted, extra: "json_object('key', ?2)" },
    ),
    trimEvents(db, "?1", [artifactId]),
    db
      .prepare(
        `DELETE FROM artifact_metadata WHERE key = ?2 AND artifact_id IN (SELECT a.id FROM ${LIVING})`,
      )
      .bind(artifactId, key),
  ]);
}
