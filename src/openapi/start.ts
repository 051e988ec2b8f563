import { AuthRequest } from "../protocol/requests.ts";
import type { Area } from "./operation.ts";
import { ref } from "./schemas.ts";

export const start: Area = {
  name: "Start",
  description: "What is here, and tokens for it",
  operations: {
    "GET /": {
      summary: "Say what this service is and can do",
      description: "A page for people, JSON for clients.",
      who: "anyone",
      ignoresUnknown: true,
      replies: {
        200: {
          description: "Here",
          content: { "application/json": ref("Service"), "text/html": { type: "string" } },
        },
      },
    },
    "POST /auth": {
      summary: "Get a bearer token for a workspace's key",
      description:
        "Wrong keys close a network for a while: to keys that were not used from it before, and never to one that was drawn.",
      who: "anyone",
      body: AuthRequest,
      bodyHints: {
        properties: {
          namespace: { type: "string", examples: ["ci"] },
          key: { type: "string", description: "The secret of one of its keys" },
        },
        required: ["namespace", "key"],
      },
      reply: ref("Bearer"),
      refusals: [
        "namespace_missing",
        "key_missing",
        "key_not_a_string",
        "namespace_not_found",
        "key_unauthorized",
        "keys_too_often",
        "secrets_busy",
      ],
    },
    "GET /apidocs": {
      summary: "Go to the page about the API",
      who: "anyone",
      ignoresUnknown: true,
      replies: { 301: { description: "To /apidocs/", headers: { Location: "Where" } } },
    },
    "GET /apidocs/": {
      summary: "Read about the API and try it",
      who: "anyone",
      ignoresUnknown: true,
      replies: { 200: { description: "A page", content: { "text/html": { type: "string" } } } },
    },
    "GET /openapi.json": {
      summary: "Get this document",
      who: "anyone",
      ignoresUnknown: true,
      reply: { type: "object", properties: { openapi: { const: "3.1.1" } }, required: ["openapi"] },
    },
  },
};
