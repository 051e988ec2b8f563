import { count, listOf, nullable } from "./json-schema.ts";
import { metadataOperations } from "./metadata.ts";
import type { Area, Parameters, Reply } from "./operation.ts";
import { BYTES_HEADERS } from "./parameters.ts";
import { ref } from "./schemas.ts";

const SLICE: Parameters = {
  offset: { description: "Where to begin", schema: count("Bytes") },
  limit: { description: "How many at most; 0 is all", schema: count("Bytes") },
};

/** What every reply of bytes may be (docs/conformance.md, Bytes). */
export const BYTES_REPLIES: Readonly<Record<number, Reply>> = {
  206: {
    description: "The ranges asked for; several as multipart/byteranges",
    content: { "*/*": null },
    headers: { "Content-Range": "Which bytes, of how many" },
  },
  304: { description: "What the client has is current" },
  412: { description: "A precondition does not hold" },
  416: { description: "No such bytes", headers: { "Content-Range": "How many there are" } },
};

/** Each workspace that holds a blob notes its own. */
const metadata = metadataOperations({
  what: "a blob",
  reads: { who: "somebody", refusals: ["blob_not_found"] },
  writes: { who: "workspace", refusals: ["blob_not_found", "blob_forbidden"] },
});

export const blobs: Area = {
  name: "Blobs",
  description: "Immutable contents; those that the caller cannot read do not exist",
  operations: {
    "GET /blobs": {
      summary: "List all blobs",
      who: "system",
      reply: listOf(ref("Blob")),
    },
    "GET /blobs/{uuid}/metadata": metadata.get,
    "POST /blobs/{uuid}/metadata": metadata.post,
    "PUT /blobs/{uuid}/metadata/{key}": metadata.put,
    "DELETE /blobs/{uuid}/metadata/{key}": metadata.delete,
    "GET /blobs/{uuid}": {
      summary: "Show a blob",
      who: "somebody",
      reply: ref("Blob"),
      refusals: ["blob_not_found"],
    },
    "GET /blobs/{uuid}/data": {
      summary: "Get a blob's bytes",
      description:
        "With `offset` or `limit` always 200, in chunks without a length; without them a file like any other.",
      who: "somebody",
      query: SLICE,
      headers: BYTES_HEADERS,
      replies: {
        200: { description: "The bytes", content: { "application/octet-stream": null } },
        ...BYTES_REPLIES,
      },
      refusals: ["blob_not_found", "data_offset_invalid", "data_limit_invalid"],
    },
    "GET /blob_checksums/{algorithm}/{hash}": {
      summary: "Find a blob by its checksum",
      description:
        "`null` where there is none, or none that the caller can read. A file of less than 1 MiB is found where it is the only one of its version.",
      who: "somebody",
      reply: nullable(ref("Blob")),
      refusals: ["hash_algorithm_unknown"],
    },
  },
};
