import {
  ChangeNamespaceRequest,
  CreateNamespaceRequest,
  KeyRequest,
  TrustRequest,
} from "../protocol/requests.ts";
import { listOf, NULL, text } from "./json-schema.ts";
import { metadataOperations } from "./metadata.ts";
import type { Area, Operation } from "./operation.ts";
import { after } from "./parameters.ts";
import { ref } from "./schemas.ts";

const NAME_OF_KEY = text("The key's name");
const SECRET = text("Its secret, 8 to 1,024 characters");
const NEW_KEY = [
  "key_unspecified",
  "key_not_a_string",
  "key_too_short",
  "key_too_long",
  "keys_too_many",
  "secrets_busy",
] as const;

const setKey: Operation = {
  summary: "Add or change a key",
  description:
    "Without `key` a secret is drawn and shown this once. What a key sets is its descendant.",
  who: "own",
  body: KeyRequest,
  bodyHints: { properties: { key_name: NAME_OF_KEY, key: SECRET }, required: ["key_name"] },
  reply: { anyOf: [NAME_OF_KEY, ref("DrawnKey")] },
  refusals: ["key_name_unspecified", "key_name_invalid", "namespace_is_system", ...NEW_KEY],
};

const metadata = metadataOperations({
  what: "a workspace",
  reads: { who: "own", refusals: [] },
  writes: { who: "own", refusals: [] },
});

export const administration: Area = {
  name: "Workspaces",
  description: "Workspaces, which this API calls namespaces, with their keys and trusts",
  operations: {
    "GET /auth/namespaces": {
      summary: "List workspaces",
      description: "All of them for `system`, its own for another.",
      who: "workspace",
      query: after("name"),
      reply: listOf(ref("Namespace"), "By name"),
    },
    "POST /auth/namespaces": {
      summary: "Make a workspace",
      who: "system",
      body: CreateNamespaceRequest,
      bodyHints: {
        properties: { namespace: text("Its name"), key: SECRET },
        required: ["namespace"],
      },
      reply: ref("Namespace"),
      refusals: [
        "namespace_unspecified",
        "namespace_name_invalid",
        "namespace_exists",
        "key_name_unspecified",
        "key_name_invalid",
        ...NEW_KEY,
      ],
    },
    "GET /auth/namespaces/{namespace}": {
      summary: "Show a workspace",
      who: "own",
      reply: ref("Namespace"),
    },
    "PATCH /auth/namespaces/{namespace}": {
      summary: "Change a workspace",
      description:
        "What is absent stays. `quota_bytes` null is none; `quota_entries` null is as many entries as suit the quota of bytes.",
      who: "system",
      body: ChangeNamespaceRequest,
      reply: ref("Namespace"),
      refusals: ["namespace_not_found"],
    },
    "DELETE /auth/namespaces/{namespace}": {
      summary: "Delete an empty workspace",
      who: "system",
      reply: NULL,
      refusals: ["namespace_not_found", "namespace_not_empty", "namespace_is_system"],
    },
    "GET /auth/namespaces/{namespace}/keys": {
      summary: "List the names of a workspace's keys",
      who: "own",
      reply: listOf(NAME_OF_KEY),
    },
    "POST /auth/namespaces/{namespace}/keys": setKey,
    "PUT /auth/namespaces/{namespace}/keys": {
      ...setKey,
      description: "An alias: the public Shaken Fist client changes a key by this.",
    },
    "PUT /auth/namespaces/{namespace}/keys/{key}": {
      summary: "Change a key",
      description: "Without `key` a secret is drawn and shown this once.",
      who: "own",
      body: KeyRequest,
      bodyHints: { properties: { key: SECRET } },
      reply: { anyOf: [NAME_OF_KEY, ref("DrawnKey")] },
      refusals: ["key_not_found", "namespace_is_system", ...NEW_KEY],
    },
    "DELETE /auth/namespaces/{namespace}/keys/{key}": {
      summary: "Delete a key and with it its bearer tokens",
      description:
        "Says which keys it had set, and those in turn; `descendants=true` deletes these too, else they count as set by who had set this one.",
      who: "own",
      query: {
        descendants: {
          description: "Delete the keys that it had set as well",
          schema: { type: "boolean" },
        },
      },
      reply: { anyOf: [NULL, ref("DeletedKey")] },
      refusals: ["key_not_found", "descendants_malformed"],
    },
    "GET /auth/namespaces/{namespace}/metadata": metadata.get,
    "POST /auth/namespaces/{namespace}/metadata": metadata.post,
    "PUT /auth/namespaces/{namespace}/metadata/{key}": metadata.put,
    "DELETE /auth/namespaces/{namespace}/metadata/{key}": metadata.delete,
    "POST /auth/namespaces/{namespace}/trust": {
      summary: "Let another workspace read this one",
      description: "It is accepted at once where `system` makes it.",
      who: "own",
      body: TrustRequest,
      bodyHints: {
        properties: { external_namespace: text("The workspace that may read") },
        required: ["external_namespace"],
      },
      reply: ref("Namespace"),
      refusals: ["namespace_unspecified", "namespace_name_invalid", "entries_exceeded"],
    },
    "DELETE /auth/namespaces/{namespace}/trust/{trusted}": {
      summary: "End a trust",
      who: "own",
      reply: ref("Namespace"),
    },
    "GET /auth/namespaces/{namespace}/trusted-by": {
      summary: "List the workspaces that trust this one",
      description:
        "A trust lets this one read what the other has by its uuids and ids, and make artifacts there. Lists, look-ups by bare name and metadata of blobs show the other's things only once the trust is accepted; one that `system` made is.",
      who: "own",
      query: after("name"),
      reply: listOf(ref("Truster"), "By name"),
    },
    "PUT /auth/namespaces/{namespace}/trusted-by/{truster}": {
      summary: "Accept a trust",
      description: "Ends with the trust: one that is given anew has to be accepted anew.",
      who: "own",
      reply: ref("Truster"),
      refusals: ["trust_not_found"],
    },
    "DELETE /auth/namespaces/{namespace}/trusted-by/{truster}": {
      summary: "Decline a trust, or take its acceptance back",
      who: "own",
      reply: ref("Truster"),
      refusals: ["trust_not_found"],
    },
  },
};
