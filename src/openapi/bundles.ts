import { CreateBundleRequest, RelationRequest } from "../protocol/bundle-requests.ts";
import { BOOLEAN, count, listOf, record, text } from "./json-schema.ts";
import type { Area, Operation, Parameters, Reply } from "./operation.ts";
import { ref } from "./schemas.ts";

const ID: Parameters = { id: { description: "A number", schema: { type: "integer" } } };
const JSON_TYPE = "application/json";

const create: Operation = {
  summary: "Declare an artifact with all its files",
  description:
    "The paths whose bytes are to be sent are in `files_to_upload`: not those of empty files, nor of contents that the workspace holds already.",
  who: "somebody",
  body: CreateBundleRequest,
  replies: { 201: { description: "Made", content: { [JSON_TYPE]: ref("Bundle") } } },
  refusals: [
    "bundle_invalid",
    "bundle_too_large",
    "namespace_not_found",
    "contributor_needed",
    "quota_exceeded",
    "entries_exceeded",
  ],
};

const show: Operation = {
  summary: "Show an artifact with its files",
  who: "reader",
  path: ID,
  reply: ref("Bundle"),
  refusals: ["artifact_not_found"],
};

const HELD = { Range: "`bytes=0-<next offset>`" };

const putFile: Operation = {
  summary: "Send bytes of a declared file",
  description:
    "Whole, or in pieces by `Content-Range: bytes a-b/N`; `bytes */N` without a body asks how much is there. A piece that begins before the end cuts the file there.",
  who: "somebody",
  path: ID,
  headers: {
    "Content-Range": { description: "Which bytes of how many", schema: { type: "string" } },
  },
  body: { bytes: "At most 50 MiB of the file" },
  replies: {
    200: { description: "More is to come; or, asked, all of it is there", headers: HELD },
    201: { description: "All of it is there" },
    206: { description: "So much is there", headers: HELD },
  },
  refusals: [
    "artifact_not_found",
    "path_not_found",
    "path_malformed",
    "contributor_needed",
    "file_range_malformed",
    "file_range_gap",
    "file_too_long",
    "file_content_mismatch",
    "quota_exceeded",
    "upload_length_required",
    "upload_body_incomplete",
    "upload_body_stalled",
    "upload_answer_lost",
    "uploads_too_many",
    "upload_too_scattered",
  ],
};

const relate: Operation = {
  summary: "Relate an artifact to another",
  who: "somebody",
  body: RelationRequest,
  reply: ref("Relation"),
  replies: { 201: { description: "Made", content: { [JSON_TYPE]: ref("Relation") } } },
  refusals: ["artifact_not_found", "contributor_needed", "entries_exceeded"],
};

const listRelations: Operation = {
  summary: "List the relations from or to an artifact",
  who: "reader",
  query: {
    artifact: { description: "From this one", schema: count("A number") },
    target_artifact: { description: "To this one", schema: count("A number") },
  },
  reply: listOf(ref("Relation")),
  refusals: ["relation_filter_missing", "artifact_not_found"],
};

const endRelation: Operation = {
  summary: "End a relation",
  description: "Whoever may change the artifact that it is of, or the one that it points at.",
  who: "somebody",
  path: ID,
  replies: { 204: { description: "Ended" } },
  refusals: ["relation_not_found", "contributor_needed"],
};

const whoami: Operation = {
  summary: "Say who one is",
  who: "anyone",
  reply: record("The caller", {
    user: text("Name"),
    auth: BOOLEAN,
    worker_token: BOOLEAN,
  }),
  refusals: ["token_invalid", "token_expired", "token_not_bearer", "access_token_refused"],
};

const MOVED: Reply = { description: "Here it is", headers: { Location: "Below /a/" } };

const moved: Operation = {
  summary: "Go from Debusine's address of an artifact to ours",
  who: "anyone",
  path: {
    ...ID,
    scope: { description: "Any", schema: { type: "string" } },
    workspace: { description: "Any", schema: { type: "string" } },
    path: { description: "`download/`, `raw/` or `file/` and a path", schema: { type: "string" } },
  },
  replies: { 301: MOVED },
  refusals: ["route_not_found"],
};

export const bundles: Area = {
  name: "Artifacts of many files",
  description: "The API of Debusine's client. Every path may end in a slash or not",
  refusalsFor: "problem",
  ignoresUnknown: true,
  operations: {
    "POST /api/1.0/artifact/": create,
    "POST /api/1.0/artifact": create,
    "GET /api/1.0/artifact/{id}/": show,
    "GET /api/1.0/artifact/{id}": show,
    "PUT /api/1.0/artifact/{id}/files/{path}": putFile,
    "POST /api/1.0/artifact-relation/": relate,
    "POST /api/1.0/artifact-relation": relate,
    "GET /api/1.0/artifact-relation/": listRelations,
    "GET /api/1.0/artifact-relation": listRelations,
    "DELETE /api/1.0/artifact-relation/{id}/": endRelation,
    "DELETE /api/1.0/artifact-relation/{id}": endRelation,
    "GET /api/1.0/whoami": whoami,
    "GET /api/1.0/whoami/": whoami,
  },
};

export const oldAddresses: Area = {
  name: "Debusine's addresses",
  description: "They lead to the pages below /a/",
  ignoresUnknown: true,
  operations: {
    "GET /{scope}/{workspace}/artifact/{id}": moved,
    "GET /{scope}/{workspace}/artifact/{id}/": moved,
    "GET /{scope}/{workspace}/artifact/{id}/{path}": moved,
  },
};
