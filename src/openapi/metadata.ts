// The operations of metadata, which artifacts, blobs and workspaces all have.

import type { ErrorCode } from "../protocol/errors.ts";
import { MetadataRequest } from "../protocol/requests.ts";
import { METADATA, NULL } from "./json-schema.ts";
import type { Operation, Parameters } from "./operation.ts";
import type { Who } from "./refusals.ts";

const KEY: Parameters = { key: { description: "An entry's key", schema: { type: "string" } } };
const KEY_REFUSALS = ["key_unspecified", "metadata_key_invalid"] as const;
const ENTRY_REFUSALS = [
  ...KEY_REFUSALS,
  "metadata_value_missing",
  "metadata_full",
  "entries_exceeded",
] as const;
const VALUE = { description: "Any JSON but null and the empty text" };

interface Subject {
  /** As in "of an artifact". */
  what: string;
  reads: { who: Who; refusals: readonly ErrorCode[] };
  writes: { who: Who; refusals: readonly ErrorCode[] };
}

/** The four operations by method: POST has the key in its body, PUT and DELETE have it in their path. */
export function metadataOperations({ what, reads, writes }: Subject) {
  const set = {
    summary: `Set an entry of the metadata of ${what}`,
    who: writes.who,
    body: MetadataRequest,
    reply: NULL,
    refusals: [...writes.refusals, ...ENTRY_REFUSALS],
  };
  return {
    get: {
      summary: `Get the metadata of ${what}`,
      who: reads.who,
      reply: METADATA,
      refusals: reads.refusals,
    },
    post: { ...set, bodyHints: { properties: { value: VALUE }, required: ["key", "value"] } },
    put: { ...set, path: KEY, bodyHints: { properties: { value: VALUE }, required: ["value"] } },
    delete: {
      summary: `Delete an entry of the metadata of ${what}`,
      who: writes.who,
      path: KEY,
      reply: NULL,
      refusals: [...writes.refusals, ...KEY_REFUSALS],
    },
  } satisfies Record<string, Operation>;
}
