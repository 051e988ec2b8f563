// What happened to artifacts. An event is written in the batch of the change that it tells of, so that neither
// is there without the other, and goes with its artifact's row.

import type { Origin } from "../../protocol/identity.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { prepare, sql } from "../sql.ts";
import type { Sql } from "../sql.ts";

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

/** An event to note. `extra` is an expression over the source that gives a JSON object. */
export interface NewEvent {
  type: EventType;
  message: string;
  extra?: Sql;
  actor: string;
  now: number;
  origin?: Origin | undefined;
}

/** The statement that notes an event for each artifact `a` of a FROM clause; before the change, where that would not match
 * after it. One that matches nothing notes nothing. */
export function noteEvent(
  db: D1Database,
  from: Sql,
  { type, message, extra = sql`'{}'`, actor, now, origin }: NewEvent,
): D1PreparedStatement {
  return prepare(
    db,
    sql`
      INSERT INTO events (artifact_id, number, at, type, message, actor, request_id, network, extra)
      SELECT a.id, coalesce((SELECT max(number) FROM events WHERE artifact_id = a.id), 0) + 1, ${now}, ${type},
        ${message}, ${actor}, ${origin?.requestId ?? null}, ${origin?.network ?? null}, ${extra}
      FROM ${from}`,
  );
}

/** The statement that forgets the oldest events of an artifact, whose id an expression gives. */
export function trimEvents(db: D1Database, id: Sql): D1PreparedStatement {
  return prepare(
    db,
    sql`
      DELETE FROM events WHERE artifact_id = ${id} AND number <= (
        SELECT max(number) FROM events WHERE artifact_id = ${id}) - ${LIMITS.eventsKept}`,
  );
}

/** The newest events of an artifact, of one type or (null) of all, newest first. */
export async function listEvents(
  db: D1Database,
  artifactId: number,
  type: EventType | null,
  limit: number,
): Promise<ArtifactEvent[]> {
  const { results } = await prepare(
    db,
    sql`
      SELECT at, type, message, actor, extra FROM events
      WHERE artifact_id = ${artifactId} AND (${type} IS NULL OR type = ${type})
      ORDER BY number DESC LIMIT ${limit}`,
  ).all<Omit<ArtifactEvent, "extra"> & { extra: string }>();
  return results.map((row) => ({
    ...row,
    extra: JSON.parse(row.extra) as Record<string, unknown>,
  }));
}
