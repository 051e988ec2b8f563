import { listOf } from "./json-schema.ts";
import type { Area, Operation } from "./operation.ts";

const none: Operation = {
  summary: "List none",
  who: "somebody",
  reply: { ...listOf({}), maxItems: 0 },
};

export const absent: Area = {
  name: "Not here",
  description: "What Shaken Fist has besides artifacts: clients that ask find none of it",
  operations: {
    "GET /instances": none,
    "DELETE /instances": { ...none, summary: "Delete none" },
    "GET /networks": none,
    "DELETE /networks": { ...none, summary: "Delete none" },
    "GET /nodes": none,
  },
};
