// What the replies about artifacts of many files hold, as Debusine's API has them.

import { count, hex, listOf, nullable, oneOf, record, text } from "./json-schema.ts";

/** Schemas of the document by name. */
export const BUNDLE_SCHEMAS = {
  Bundle: record("An artifact with its files", {
    id: count("Its number"),
    url: text("Its page"),
    scope: { const: "debusine" },
    workspace: text("Its workspace"),
    category: text("What it is"),
    data: {
      type: "object",
      description: "What came with the category",
      additionalProperties: true,
    },
    created_at: { type: "string", format: "date-time" },
    expire_at: nullable({ type: "string", format: "date-time" }),
    download_tar_gz_url: text("All of it in one archive"),
    files_to_upload: listOf(text("A path whose bytes are not there yet")),
    files: {
      type: "object",
      description: "Its files by path",
      additionalProperties: record("A file", {
        type: { const: "file" },
        size: count("Bytes"),
        checksums: record("Its checksums", { sha256: hex(64, "SHA-256") }),
        content_type: nullable(text("As declared")),
        url: text("Its bytes"),
      }),
    },
  }),
  Relation: record("What an artifact has to do with another", {
    id: count("Its number"),
    artifact: count("The one"),
    target: count("The other"),
    type: oneOf("extends", "relates-to", "built-using"),
  }),
} as const;
