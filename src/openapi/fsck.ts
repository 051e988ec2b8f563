import { FsckRequest } from "../protocol/requests.ts";
import { DIFFERENCES } from "./differences.ts";
import { text } from "./json-schema.ts";
import type { Area } from "./operation.ts";
import { ref } from "./schemas.ts";

const KINDS = Object.entries(DIFFERENCES).map(([kind, { means }]) => `- \`${kind}\`: ${means}`);

export const checking: Area = {
  name: "Operation",
  description: "What whoever runs the service asks",
  operations: {
    "POST /fsck": {
      summary: "Compare a piece of what is stored",
      description: [
        "The catalog, the manifests, the uploads and R2 are compared with each other while the service goes on. `npm run fsck` asks for all pieces:",
        "first without a `cursor`, then with the one of the last answer, until that is null. The kinds of differences:\n",
        ...KINDS,
      ].join("\n"),
      who: "system",
      body: FsckRequest,
      bodyHints: {
        properties: {
          cursor: text("The one of the last answer; absent at the beginning"),
          repair: { type: "boolean", description: "Repair what is safe to repair" },
          deep: {
            type: "number",
            minimum: 0,
            maximum: 100,
            description: "How many of 100 files, drawn by lot, are read and hashed again",
          },
        },
      },
      reply: ref("Check"),
      refusals: ["storage_unavailable"],
    },
  },
};
