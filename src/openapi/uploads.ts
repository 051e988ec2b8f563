import { count, NULL } from "./json-schema.ts";
import type { Area, Parameters } from "./operation.ts";
import { ref } from "./schemas.ts";

const GUARDS: Parameters = {
  "Upload-Offset": {
    description: "Where the bytes belong; refused when the upload is elsewhere",
    schema: count("Bytes"),
  },
  "Content-Digest": {
    description:
      "sha-256 or sha-512 of the body (RFC 9530); refused when it differs. So are Repr-Digest, Digest and Content-MD5",
    schema: { type: "string" },
  },
};

export const uploads: Area = {
  name: "Uploads",
  description: "Bytes on their way in: open, append, truncate, go on after a failure",
  operations: {
    "POST /upload": {
      summary: "Open an upload",
      description: "It is removed after 24 hours without a byte.",
      who: "workspace",
      reply: ref("Upload"),
      refusals: ["quota_exceeded", "entries_exceeded", "uploads_too_many"],
    },
    "GET /upload/{uuid}": {
      summary: "Say how much of an upload has arrived",
      who: "workspace",
      reply: ref("Upload"),
      refusals: ["upload_not_found"],
    },
    "POST /upload/{uuid}": {
      summary: "Append bytes",
      description:
        "All or nothing: an append that is refused or breaks off changes nothing. The body is bytes, whatever it looks like; it needs a Content-Length. Send `Upload-Offset`: without it, bytes that are sent again after a lost answer are there twice; with it, that is refused with 409 and the size. Without a guard, compare the answer with the bytes you sent so far, and truncate when it is more.",
      who: "workspace",
      query: { offset: { description: "The same as Upload-Offset", schema: count("Bytes") } },
      headers: GUARDS,
      body: { bytes: "At most 100 MB a request on Cloudflare's Free and Pro plans" },
      reply: count("Bytes received so far"),
      refusals: [
        "upload_not_found",
        "upload_offset_conflict",
        "upload_sealing",
        "upload_converted",
        "upload_body_incomplete",
        "upload_length_required",
        "upload_answer_lost",
        "upload_body_stalled",
        "upload_offset_malformed",
        "upload_too_large",
        "quota_exceeded",
        "upload_too_scattered",
      ],
    },
    "POST /upload/{uuid}/truncate/{size}": {
      summary: "Drop the bytes behind a length",
      description: "To the length that it has is allowed and changes nothing.",
      who: "workspace",
      path: { size: { description: "Bytes to keep", schema: count("Bytes") } },
      reply: NULL,
      refusals: [
        "upload_not_found",
        "upload_sealing",
        "upload_converted",
        "upload_too_scattered",
        "truncate_not_integer",
        "truncate_negative",
        "truncate_beyond_end",
      ],
    },
  },
};
