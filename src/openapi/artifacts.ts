import {
  ConvertRequest,
  DeleteArtifactsRequest,
  FetchRequest,
  MaxVersionsRequest,
} from "../protocol/requests.ts";
import { count, listOf, NULL, nullable, oneOf, text, UUID } from "./json-schema.ts";
import type { JsonSchema } from "./json-schema.ts";
import { metadataOperations } from "./metadata.ts";
import type { Area } from "./operation.ts";
import { ref } from "./schemas.ts";

const KNOWN = ["artifact_not_found", "artifact_ambiguous", "artifact_name_invalid"] as const;
const OWN = [...KNOWN, "artifact_not_own"] as const;
const CHANGEABLE = [...OWN, "artifact_deleted"] as const;
const metadata = metadataOperations({
  what: "an artifact",
  reads: { who: "somebody", refusals: KNOWN },
  writes: { who: "somebody", refusals: CHANGEABLE },
});

const instanceMetadata = metadataOperations({
  what: "an artifact or a blob",
  reads: { who: "somebody", refusals: [] },
  writes: {
    who: "somebody",
    refusals: [...CHANGEABLE, "blob_not_found", "blob_forbidden", "workspace_key_needed"],
  },
});

/** As a text, too: some clients send what their user typed. */
export const MAX_VERSIONS: JsonSchema = {
  type: ["integer", "string", "null"],
  minimum: 0,
  pattern: String.raw`^\d+$`,
  description: "Versions kept; 0 keeps all",
};

const ALIAS =
  "An alias: the public Shaken Fist client asks for an instance where it means an artifact or a blob.";

export const artifacts: Area = {
  name: "Artifacts",
  description:
    "Named things with versions, made from uploads or from contents that are here already",
  operations: {
    "POST /artifacts/upload/{name}": {
      summary: "Turn an upload or a blob into a version of an artifact",
      description:
        "The artifact is the one of the workspace with the same type and source_url; there may be none yet. The content of its newest version adds no version. A repeat gets the same answer. Send the `sha512` of the file: 409 when the upload holds anything else. With `explode` the upload is an archive whose members are to be the files, in the background: links become files, what cannot be a file is left out and listed, or with `strict` refused; the artifact is `initial`, then `created` or `error` with an `error_message`. An archive that ended so for what is in it is refused when the same workspace brings the same bytes again, for 30 days.",
      who: "workspace",
      path: { name: { description: "The artifact's name", schema: { type: "string" } } },
      body: ConvertRequest,
      bodyHints: { properties: { artifact_type: oneOf("image", "snapshot", "label", "other") } },
      reply: ref("Artifact"),
      refusals: [
        "artifact_source_missing",
        "artifact_source_ambiguous",
        "artifact_explode_blob",
        "artifact_explode_unknown",
        "artifact_explode_refused",
        "artifact_busy",
        "fetches_too_many",
        "artifact_name_invalid",
        "artifact_type_invalid",
        "artifact_shared_outside_system",
        "namespace_not_found",
        "upload_not_found",
        "upload_sealing",
        "upload_converted",
        "upload_content_mismatch",
        "blob_not_found",
        "artifact_not_own",
        "quota_exceeded",
        "entries_exceeded",
      ],
    },
    "GET /artifacts": {
      summary: "List artifacts",
      description:
        "The caller's own, those of workspaces whose trust it accepted and shared ones; all for `system`. Deleted ones are not listed.",
      who: "somebody",
      reply: listOf(ref("Artifact")),
    },
    "POST /artifacts": {
      summary: "Fetch a URL into an artifact",
      description:
        "In the background: the artifact is `initial`, then `created` or `error` with an `error_message`. The same URL adds a version to the same artifact.",
      who: "workspace",
      body: FetchRequest,
      bodyHints: {
        properties: { url: text("http or https, without credentials") },
        required: ["url"],
      },
      reply: ref("Artifact"),
      refusals: [
        "fetch_url_invalid",
        "fetch_url_forbidden",
        "fetch_host_unlisted",
        "fetches_too_many",
        "artifact_shared_outside_system",
        "artifact_not_own",
        "namespace_not_found",
        "quota_exceeded",
        "entries_exceeded",
      ],
    },
    "DELETE /artifacts": {
      summary: "Delete all artifacts of a workspace",
      description:
        "Those that it had when the request came. After an error a repeat goes on with the rest.",
      who: "workspace",
      body: DeleteArtifactsRequest,
      bodyHints: { properties: { confirm: { const: true } }, required: ["confirm"] },
      reply: listOf(UUID, "Those that were deleted"),
      refusals: [
        "deletion_unconfirmed",
        "deletion_namespace_missing",
        "deletion_namespace_foreign",
        "namespace_not_found",
      ],
    },
    "GET /artifacts/{ref}": {
      summary: "Show an artifact",
      description: "A deleted one is shown by its uuid until its rows are removed.",
      who: "somebody",
      reply: ref("Artifact"),
      refusals: KNOWN,
    },
    "DELETE /artifacts/{ref}": {
      summary: "Delete an artifact",
      description: "A repeat by uuid gets `null`.",
      who: "somebody",
      reply: nullable(ref("Artifact")),
      refusals: OWN,
    },
    "POST /artifacts/{ref}/share": {
      summary: "Let everybody read an artifact",
      description: "Only those of the workspace `system`.",
      who: "somebody",
      reply: ref("Artifact"),
      refusals: [...CHANGEABLE, "artifact_share_outside_system", "artifact_shared_outside_system"],
    },
    "POST /artifacts/{ref}/unshare": {
      summary: "Share an artifact no more",
      who: "somebody",
      reply: ref("Artifact"),
      refusals: [...CHANGEABLE, "artifact_not_shared"],
    },
    "GET /artifacts/{ref}/versions": {
      summary: "List the contents of an artifact's versions",
      who: "somebody",
      reply: listOf(ref("VersionBlob"), "Ascending by index"),
      refusals: KNOWN,
    },
    "POST /artifacts/{ref}/versions": {
      summary: "Set how many versions an artifact keeps",
      description: "The oldest that are too many end at once. Without a number: 3.",
      who: "somebody",
      body: MaxVersionsRequest,
      bodyHints: { properties: { max_versions: MAX_VERSIONS } },
      reply: NULL,
      refusals: [...CHANGEABLE, "max_versions_not_integer"],
    },
    "DELETE /artifacts/{ref}/versions/{index}": {
      summary: "Delete a version",
      description: "With its last version an artifact ends. An index is never used again.",
      who: "somebody",
      path: { index: { description: "The version's index", schema: count("1, 2, ...") } },
      reply: ref("Artifact"),
      refusals: [...CHANGEABLE, "artifact_index_not_found", "artifact_index_not_integer"],
    },
    "GET /artifacts/{ref}/metadata": metadata.get,
    "POST /artifacts/{ref}/metadata": metadata.post,
    "PUT /artifacts/{ref}/metadata/{key}": metadata.put,
    "DELETE /artifacts/{ref}/metadata/{key}": metadata.delete,
    "PUT /instances/{ref}/metadata/{key}": { ...instanceMetadata.put, description: ALIAS },
    "DELETE /instances/{ref}/metadata/{key}": { ...instanceMetadata.delete, description: ALIAS },
    "GET /artifacts/{ref}/events": {
      summary: "Tell what happened to an artifact",
      description:
        "Newest first, at most 100. Type and limit may stand in the query as well; who did it is told to those who may change the artifact.",
      who: "somebody",
      query: {
        event_type: { description: "Only events of this type", schema: { type: "string" } },
        limit: { description: "At most so many", schema: count("Events") },
      },
      reply: listOf(ref("Event"), "Newest first"),
      refusals: [
        ...KNOWN,
        "request_malformed",
        "member_unknown",
        "event_type_unknown",
        "event_limit_not_integer",
      ],
    },
  },
};
