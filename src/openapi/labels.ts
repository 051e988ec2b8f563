import { LabelRequest } from "../protocol/requests.ts";
import { MAX_VERSIONS } from "./artifacts.ts";
import { UUID } from "./json-schema.ts";
import type { Area, Operation, Parameters } from "./operation.ts";
import { ref } from "./schemas.ts";

const NAME: Parameters = { name: { description: "The label's name", schema: { type: "string" } } };

const update: Operation = {
  summary: "Let a label point at a content",
  description:
    "Adds a version, unless it points there already. Without `max_versions` that stays as it is, 3 for a new label.",
  who: "workspace",
  path: NAME,
  body: LabelRequest,
  bodyHints: {
    properties: { blob_uuid: UUID, max_versions: MAX_VERSIONS },
    required: ["blob_uuid"],
  },
  reply: ref("Artifact"),
  refusals: [
    "artifact_name_invalid",
    "artifact_not_own",
    "blob_not_found",
    "max_versions_not_integer",
    "namespace_not_found",
    "quota_exceeded",
    "entries_exceeded",
  ],
};

const show: Operation = {
  summary: "Show a label",
  who: "somebody",
  path: NAME,
  reply: ref("Artifact"),
  refusals: ["label_not_found", "artifact_name_invalid"],
};

const remove: Operation = {
  summary: "Delete a label",
  who: "somebody",
  path: NAME,
  reply: ref("Artifact"),
  refusals: ["label_not_found", "artifact_name_invalid", "artifact_not_own"],
};

export const labels: Area = {
  name: "Labels",
  description: "Artifacts of type `label`: names that keep a content alive and can be moved",
  operations: {
    "POST /label/{name}": update,
    "GET /label/{name}": show,
    "DELETE /label/{name}": remove,
    "POST /label/{namespace}/{name}": update,
    "GET /label/{namespace}/{name}": show,
    "DELETE /label/{namespace}/{name}": remove,
  },
};
