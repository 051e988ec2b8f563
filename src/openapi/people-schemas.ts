// What the replies about keys, people and their tokens hold.

import {
  BOOLEAN,
  count,
  hex,
  listOf,
  nullable,
  oneOf,
  record,
  seconds,
  text,
} from "./json-schema.ts";
import type { JsonSchema, Properties } from "./json-schema.ts";

const accessToken: Properties = {
  id: count("Its number"),
  kind: oneOf("user", "worker"),
  user: nullable({ type: "string" }),
  label: text("What it is for"),
  enabled: BOOLEAN,
  created_at: { type: "string", format: "date-time" },
  expires_at: nullable({ type: "string", format: "date-time" }),
  parent: nullable(count("The token that made it, with which it ends")),
};

const user: Properties = {
  name: text("Their name"),
  created_at: seconds("When they were added"),
};

export const PEOPLE_SCHEMAS = {
  DeletedKey: record("The keys that a deleted key had set, and those that these had", {
    descendants: listOf(text("A key's name")),
    ended: { ...BOOLEAN, description: "They were deleted with it" },
  }),
  DrawnKey: record("A new key with its secret, shown this once", {
    key_name: text("The key's name"),
    key: text("Its secret"),
  }),
  Member: record("A user's role in a workspace", {
    namespace: text("The workspace"),
    user: text("The user"),
    role: oneOf("owner", "contributor", "viewer"),
  }),
  User: record("Somebody who may log in", user),
  ChangedUser: record("Somebody who may log in, and their tokens that are still good", {
    ...user,
    tokens: listOf({ $ref: "#/components/schemas/AccessToken" }),
  }),
  AccessToken: record("A token that lasts", accessToken),
  NewAccessToken: record("A new token with its secret, shown this once", {
    ...accessToken,
    token: hex(64, "For the header Token"),
  }),
} as const satisfies Record<string, JsonSchema>;
