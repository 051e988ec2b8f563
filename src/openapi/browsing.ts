import { BYTES_REPLIES } from "./blobs.ts";
import { oneOf } from "./json-schema.ts";
import type { Area, Operation, Parameters, Reply } from "./operation.ts";
import { BYTES_HEADERS } from "./parameters.ts";
import { ref } from "./schemas.ts";

const VERSION: Parameters = {
  version: {
    description: "The version's index; without it the newest",
    schema: { type: "integer", minimum: 1 },
  },
};

const FOLDER: Parameters = {
  ...VERSION,
  page: { description: "A page of the listing", schema: { type: "integer", minimum: 1 } },
  archive: { description: "All files below, as an archive", schema: oneOf("tar.gz") },
};

const REDIRECTS = {
  301: { description: "A folder's address ends in a slash", headers: { Location: "Where" } },
  307: { description: "Not public: log in first", headers: { Location: "The login page" } },
} satisfies Record<number, Reply>;

const SHOWN = {
  "text/html": { type: "string" },
  "application/json": ref("Listing"),
  "application/gzip": null,
};

const NOT_FOUND = [
  "artifact_not_found",
  "version_not_found",
  "version_malformed",
  "path_not_found",
  "path_malformed",
] as const;

const FOLDER_REFUSALS = [
  ...NOT_FOUND,
  "page_not_found",
  "page_malformed",
  "archive_unsupported",
] as const;

const bare: Operation = {
  summary: "Go to the listing of an artifact",
  who: "reader",
  query: VERSION,
  replies: REDIRECTS,
  refusals: NOT_FOUND,
};

export const browsing: Area = {
  name: "Browsing",
  description: "The files of artifacts, for people and for machines",
  isForPeople: true,
  operations: {
    "GET /a/{id}": bare,
    "GET /a/{id}/": {
      summary: "List or download all files of an artifact",
      description:
        'A page, or JSON with `Link: rel="next"`, or with `archive` a tar.gz. Who may read is decided before any path is looked up.',
      who: "reader",
      query: FOLDER,
      replies: {
        200: { description: "The listing or the archive", content: SHOWN },
        307: REDIRECTS[307],
      },
      refusals: FOLDER_REFUSALS,
    },
    "GET /a/{id}/{path}": {
      summary: "Get a file, or list or download a folder",
      description:
        "A path with a slash at its end is a folder, as above. A file comes with Range, conditions and `Repr-Digest`; only types that a browser does not run are shown inline.",
      who: "reader",
      query: {
        ...FOLDER,
        download: {
          description: "A file as an attachment, whatever its type",
          schema: { type: "string" },
        },
      },
      headers: BYTES_HEADERS,
      replies: {
        200: {
          description: "The bytes, the listing or the archive",
          content: { ...SHOWN, "*/*": null },
        },
        ...BYTES_REPLIES,
        ...REDIRECTS,
      },
      refusals: FOLDER_REFUSALS,
    },
  },
};
