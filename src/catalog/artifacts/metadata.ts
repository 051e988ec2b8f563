// What a workspace notes on its artifacts: any JSON value under any key. Objects made of it have own properties
// only, whatever the keys are called.

import type { Author } from "../../protocol/identity.ts";
import { hasRoomBeside } from "../metadata-room.ts";
import { hasChanged, prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";
import { noteEvent, trimEvents } from "./events.ts";

/** The metadata of artifact `a` as JSON text. */
export const METADATA_OF_A: Sql = sql`(
  SELECT json_group_object(m.key, json(m.value)) FROM artifact_metadata m WHERE m.artifact_id = a.id
)`;

/** Reads what METADATA_OF_A wrote. */
export function parseMetadata(json: string): Record<string, unknown> {
  return JSON.parse(json) as Record<string, unknown>;
}

/** Sets a key of an artifact's metadata. False, and nothing changes, when the artifact is deleted or its metadata
 * would pass LIMITS. */
export async function putMetadata(
  db: D1Database,
  artifactId: number,
  { key, value }: { key: string; value: unknown },
  author: Author,
): Promise<boolean> {
  const note = { key, value: JSON.stringify(value) };
  const room = hasRoomBeside(sql`artifact_metadata WHERE artifact_id = ${artifactId}`, note);
  const from = sql`artifacts a WHERE a.id = ${artifactId} AND a.deleted_at IS NULL AND ${room}`;
  const results = await db.batch([
    noteEvent(db, from, {
      type: "audit",
      message: "metadata set",
      extra: sql`json_object('key', ${key})`,
      ...author,
    }),
    trimEvents(db, sql`${artifactId}`),
    prepare(
      db,
      sql`INSERT INTO artifact_metadata (artifact_id, key, value) SELECT a.id, ${key}, ${note.value} FROM ${from}
        ON CONFLICT (artifact_id, key) DO UPDATE SET value = excluded.value`,
    ),
  ]);
  return hasChanged(results);
}

/** Deletes a key of an artifact's metadata; one that is not there is as good as deleted. */
export async function deleteMetadata(
  db: D1Database,
  artifactId: number,
  key: string,
  author: Author,
): Promise<void> {
  const there = sql`m.artifact_id = a.id AND m.key = ${key}`;
  const living = sql`a.id = ${artifactId} AND a.deleted_at IS NULL`;
  await db.batch([
    noteEvent(db, sql`artifacts a JOIN artifact_metadata m ON ${there} WHERE ${living}`, {
      type: "audit",
      message: "metadata deleted",
      extra: sql`json_object('key', m.key)`,
      ...author,
    }),
    trimEvents(db, sql`${artifactId}`),
    prepare(
      db,
      sql`DELETE FROM artifact_metadata WHERE key = ${key} AND artifact_id IN (SELECT a.id FROM artifacts a WHERE ${living})`,
    ),
  ]);
}
