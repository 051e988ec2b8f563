// What happened to artifacts. An event is written in the batch of the change that it tells of, so that neither
// is there without the other, and goes with its artifact's row.

import type { Origin } from "../protocol/identity.ts";
import { LIMITS } from "../protocol/limits.ts";

/** Shaken Fist's kinds of events. Here `audit` is what somebody asked for; `prune` and `status` follow from it,
 * or from time. */
export const EVENT_TYPES = [
  "audit",
  "mutate",
  "status",
  "usage",
  "resources",
  "prune",
  "historic",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export interface ArtifactEvent {
  at: number;
  type: EventType;
  message: string;
  /** `actorOf()` of who did it. */
  actor: string;
  extra: Record<string, unknown>;
}

type Value = string | number | null;

/** The artifacts `a` that an event is noted for: a FROM clause with the values of ?1 and up. */
export interface EventSource {
  from: string;
  values: readonly Value[];
}

/** An event to note. `extra` is an expression over the source that gives a JSON object. */
export interface NewEvent {
  type: EventType;
  message: string;
  extra?: string;
  actor: string;
  now: number;
  origin?: Origin | undefined;
}

/** The statement that notes an event for each artifact of the source; before the change, where the source would
 * not match after it. A source that matches nothing notes nothing. */
export function noteEvent(
  db: D1Database,
  { from, values }: EventSource,
  { type, message, extra = "'{}'", actor, now, origin }: NewEvent,
): D1PreparedStatement {
  const own = [now, type, message, actor, origin?.requestId ?? null, origin?.network ?? null];
  const places = own.map((_, at) => `?${values.length + at + 1}`).join(", ");
  return db
    .prepare(
      `INSERT INTO events (artifact_id, number, at, type, message, actor, request_id, network, extra)
       SELECT a.id, coalesce((SELECT max(number) FROM events WHERE artifact_id = a.id), 0) + 1,
         ${places}, ${extra}
       FROM ${from}`,
    )
    .bind(...values, ...own);
}

/** The statement that forgets the oldest events of an artifact, `id` being an expression over the values. */
export function trimEvents(
  db: D1Database,
  id: string,
  values: readonly Value[],
): D1PreparedStatement {
  return db
    .prepare(
      `DELETE FROM events WHERE artifact_id = ${id} AND number <= (
         SELECT max(number) FROM events WHERE artifact_id = ${id}) - ?${values.length + 1}`,
    )
    .bind(...values, LIMITS.eventsKept);
}

/** The newest events of an artifact, of one type or (null) of all, newest first. */
export async function listEvents(
  db: D1Database,
  artifactId: number,
  type: EventType | null,
  limit: number,
): Promise<ArtifactEvent[]> {
  const { results } = await db
    .prepare(
      `SELECT at, type, message, actor, extra FROM events
       WHERE artifact_id = ?1 AND (?2 IS NULL OR type = ?2) ORDER BY number DESC LIMIT ?3`,
    )
    .bind(artifactId, type, limit)
    .all<Omit<ArtifactEvent, "extra"> & { extra: string }>();
  return results.map((row) => ({
    ...row,
    extra: JSON.parse(row.extra) as Record<string, unknown>,
  }));
}
