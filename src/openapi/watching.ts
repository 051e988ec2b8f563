import { LIMITS } from "../protocol/limits.ts";
import { listOf, nullable, record, text } from "./json-schema.ts";
import type { Area } from "./operation.ts";

const TEXT = { type: "string" };

export const watching: Area = {
  name: "Watching",
  description: "How the service is",
  operations: {
    "GET /healthz": {
      summary: "Say whether the service works",
      description:
        "503 where the catalog or the storage of bytes does not answer within 5 seconds, and where the database was made for another version of the service. A full catalog, which takes no new content, is no failure.",
      who: "anyone",
      reply: record("How it is", { status: { const: "ok" }, catalog_full: { type: "boolean" } }),
    },
    "GET /audit": {
      summary: "Tell who did what",
      description: `Newest first, all of it for \`system\`, what concerns its workspace for another key. At most ${LIMITS.auditListed} rows; a page may hold few, or none, and go on all the same. Of what one caller causes on a day (UTC) in one workspace the first ${LIMITS.auditOfDay} rows are listed, fewer where its quota of entries is small; \`not listed\` counts the others. Rows of days that are over for a week come from compressed objects: where one of them cannot be read, a page that needs it is 503, and \`to\` goes past it.`,
      who: "workspace",
      query: {
        workspace: { description: "What concerns this workspace", schema: TEXT },
        action: { description: "Such as `artifact deleted`", schema: TEXT },
        from: { description: "From this time or day on", schema: TEXT },
        to: { description: "Up to this time, or the beginning of this day", schema: TEXT },
        after: { description: "`next` of the page before", schema: TEXT },
      },
      reply: record("A page of the audit", {
        rows: listOf(
          record("Something that was done", {
            at: { type: "string", format: "date-time" },
            actor: text("Who: a workspace and its key, a user, a worker, nobody, or `stowage`"),
            action: text("What"),
            workspace: nullable(text("Where")),
            subject: nullable(text("To what: an artifact's uuid, or a name")),
            detail: { type: "object", description: "Its particulars", additionalProperties: true },
            network: nullable(
              text(
                "The client's address, of an IPv6 address the first 64 bits; that of `system` is for itself",
              ),
            ),
            request_id: nullable(text("As in the log")),
          }),
          "Newest first",
        ),
        next: nullable(text("For `after`; null at the end")),
      }),
      refusals: ["namespace_not_found", "audit_query_malformed"],
    },
    "GET /metrics": {
      summary: "Give metrics to Prometheus",
      description: "What may be many is counted up to a bound. Requests are counted from the log.",
      who: "system",
      replies: {
        200: {
          description: "The text format of Prometheus, version 0.0.4",
          content: { "text/plain": { type: "string" } },
        },
      },
    },
  },
};
