import { ARCHIVES } from "../protocol/urls.ts";
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
  archive: { description: "All files below, as an archive", schema: oneOf(...ARCHIVES) },
  checksums: {
    description: "The checksums of all files below, as `sha256sum -c` reads them",
    schema: oneOf("sha256", "sha512"),
  },
};

const LIST: Parameters = {
  name: { description: "Only names that begin so, whatever the case", schema: { type: "string" } },
  after: { description: "Goes on after this artifact", schema: { type: "integer" } },
  before: { description: "Goes back from this artifact", schema: { type: "integer" } },
};

const WORKSPACE: Parameters = {
  name: { description: "The workspace's name", schema: { type: "string" } },
};

const REDIRECTS = {
  301: { description: "A folder's address ends in a slash", headers: { Location: "Where" } },
  307: { description: "Not public: log in first", headers: { Location: "The login page" } },
} satisfies Record<number, Reply>;

const SHOWN = {
  "text/html": { type: "string" },
  "application/json": ref("Listing"),
  "text/plain": null,
  "application/gzip": null,
  "application/x-tar": null,
  "application/zip": null,
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
  "checksums_unsupported",
  "artifact_incomplete",
  "artifact_not_ready",
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
  refusalsFor: "people",
  ignoresUnknown: true,
  operations: {
    "GET /w/{name}/": {
      summary: "List the artifacts of a workspace",
      description:
        "By name, 50 a page; JSON has `Link` to the next and the previous page. A workspace that does not exist looks like a private one to those who may not read it.",
      who: "reader",
      path: WORKSPACE,
      query: LIST,
      replies: {
        200: {
          description: "The artifacts",
          content: { "text/html": { type: "string" }, "application/json": ref("Workspace") },
        },
        307: REDIRECTS[307],
      },
      refusals: ["namespace_not_found", "path_malformed", "position_malformed", "search_too_long"],
    },
    "GET /w/{name}": {
      summary: "Go to the artifacts of a workspace",
      who: "reader",
      path: WORKSPACE,
      replies: REDIRECTS,
      refusals: ["namespace_not_found", "path_malformed"],
    },
    "GET /a/{id}": bare,
    "GET /a/{id}/": {
      summary: "List or download all files of an artifact",
      description:
        'A page, or JSON with `Link: rel="next"`, or with `archive` a file of all files below: tar and zip with a length, ranges and conditions, tar.gz without. Who may read is decided before any path is looked up.',
      who: "reader",
      query: FOLDER,
      headers: BYTES_HEADERS,
      replies: {
        200: { description: "The listing or the archive", content: SHOWN },
        ...BYTES_REPLIES,
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
        view: {
          description: "A text or an image as a page; any other file with its download",
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
