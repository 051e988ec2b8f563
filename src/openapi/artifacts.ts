import { ConvertRequest } from "../protocol/requests.ts";
import { listOf, oneOf } from "./json-schema.ts";
import type { Area } from "./operation.ts";
import { ref } from "./schemas.ts";

export const artifacts: Area = {
  name: "Artifacts",
  description:
    "Named things with versions, made from uploads or from contents that are here already",
  operations: {
    "POST /artifacts/upload/{name}": {
      summary: "Turn an upload or a blob into a version of an artifact",
      description:
        "The artifact is the one of the workspace with the same type and source_url; there may be none yet. The content of its newest version adds no version. A repeat gets the same answer.",
      who: "workspace",
      path: { name: { description: "The artifact's name", schema: { type: "string" } } },
      body: ConvertRequest,
      bodyHints: { properties: { artifact_type: oneOf("image", "snapshot", "label", "other") } },
      reply: ref("Artifact"),
      refusals: [
        "artifact_source_missing",
        "artifact_source_ambiguous",
        "artifact_name_invalid",
        "artifact_type_invalid",
        "artifact_shared_outside_system",
        "namespace_not_found",
        "upload_not_found",
        "upload_sealing",
        "upload_converted",
        "upload_content_mismatch",
        "blob_not_found",
      ],
    },
    "GET /artifacts/{ref}": {
      summary: "Show an artifact",
      who: "somebody",
      reply: ref("Artifact"),
      refusals: ["artifact_not_found", "artifact_ambiguous", "artifact_name_invalid"],
    },
    "GET /artifacts/{ref}/versions": {
      summary: "List the contents of an artifact's versions",
      who: "somebody",
      reply: listOf(ref("VersionBlob"), "Ascending by index"),
      refusals: ["artifact_not_found", "artifact_ambiguous", "artifact_name_invalid"],
    },
  },
};
