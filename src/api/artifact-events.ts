import { Routes } from "../app-env.ts";
import { mayWrite } from "../auth/access.ts";
import { EVENT_TYPES, listEvents } from "../catalog/artifacts/events.ts";
import type { EventType } from "../catalog/artifacts/events.ts";
import { AppError } from "../protocol/errors.ts";
import { parseCount } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { EventsRequest } from "../protocol/requests.ts";
import { toEventReply } from "../protocol/views.ts";
import { requireArtifact } from "./artifact-lookup.ts";
import { readJson } from "./json-body.ts";

/** What happened to an artifact, newest first. */
export const artifactEvents = new Routes().get("/:ref/events", async (c) => {
  const artifact = await requireArtifact(c);
  const body = await readJson(c.req.raw, EventsRequest);
  const type = readType(body.event_type ?? c.req.query("event_type") ?? null);
  const limit = readLimit(body.limit ?? c.req.query("limit") ?? null);
  const events = await listEvents(c.env.DB, artifact.id, type, limit);
  const showActor = mayWrite(c.var.identity, artifact);
  return c.json(events.map((event) => toEventReply(event, showActor)));
});

function isType(text: string): text is EventType {
  return (EVENT_TYPES as readonly string[]).includes(text);
}

function readType(text: string | null): EventType | null {
  if (text !== null && !isType(text)) {
    throw new AppError("event_type_unknown", `'${text}'; known are ${EVENT_TYPES.join(", ")}`);
  }
  return text;
}

/** The command line sends its limit as a string. */
function readLimit(value: string | number | null): number {
  const limit = value === null ? LIMITS.eventsListed : parseCount(String(value));
  if (limit === null) {
    throw new AppError("event_limit_not_integer", `'${value}'`);
  }
  return Math.min(limit, LIMITS.eventsListed);
}
