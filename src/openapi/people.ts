import {
  ChangeTokenRequest,
  ChangeUserRequest,
  CreateTokenRequest,
  CreateUserRequest,
  MemberRequest,
} from "../protocol/requests.ts";
import { listOf, NULL, oneOf, text } from "./json-schema.ts";
import type { Area, Parameters } from "./operation.ts";
import { after } from "./parameters.ts";
import { ref } from "./schemas.ts";

const TOKEN_ID: Parameters = {
  id: { description: "A token's number", schema: { type: "integer" } },
};

const USER_NAME: Parameters = {
  name: { description: "The user's name", schema: { type: "string" } },
};

const PASSWORD = text("8 to 1,024 characters");

export const people: Area = {
  name: "People",
  description: "Users, their roles in workspaces, and tokens that last",
  operations: {
    "GET /auth/users": {
      summary: "List users",
      who: "system",
      query: after("name"),
      reply: listOf(ref("User"), "By name"),
    },
    "POST /auth/users": {
      summary: "Add a user",
      who: "system",
      body: CreateUserRequest,
      bodyHints: {
        properties: { name: text("Their name"), password: PASSWORD },
        required: ["name", "password"],
      },
      reply: ref("User"),
      refusals: ["user_name_invalid", "password_invalid", "user_exists", "secrets_busy"],
    },
    "PATCH /auth/users/{name}": {
      summary: "Set a user's password",
      description:
        "Ends all sessions of the user. Their tokens go on, and `tokens` lists those that are good, unless `end_tokens` is true.",
      who: "system",
      path: USER_NAME,
      body: ChangeUserRequest,
      bodyHints: { properties: { password: PASSWORD }, required: ["password"] },
      reply: ref("ChangedUser"),
      refusals: ["password_invalid", "user_not_found", "secrets_busy"],
    },
    "DELETE /auth/users/{name}": {
      summary: "Delete a user with their tokens and sessions",
      who: "system",
      path: USER_NAME,
      reply: NULL,
      refusals: ["user_not_found"],
    },
    "PUT /auth/namespaces/{namespace}/members/{user}": {
      summary: "Give a user a role in a workspace",
      who: "system",
      body: MemberRequest,
      bodyHints: {
        properties: { role: oneOf("owner", "contributor", "viewer") },
        required: ["role"],
      },
      reply: ref("Member"),
      refusals: ["role_invalid", "namespace_not_found", "user_not_found"],
    },
    "DELETE /auth/namespaces/{namespace}/members/{user}": {
      summary: "End a user's role in a workspace",
      who: "system",
      reply: NULL,
      refusals: ["namespace_not_found", "user_not_found", "member_not_found"],
    },
    "GET /auth/tokens": {
      summary: "List tokens",
      description: "All of them for `system`, their own for a user. Secrets are not shown again.",
      who: "userOrSystem",
      query: after("number"),
      reply: listOf(ref("AccessToken"), "By number"),
    },
    "POST /auth/tokens": {
      summary: "Make a token",
      description:
        "A user may make their own; `system` any. `expires_at` in ISO 8601 or milliseconds. One that a user's token makes ends with that token, at its `expires_at` at the latest.",
      who: "userOrSystem",
      body: CreateTokenRequest,
      reply: ref("NewAccessToken"),
      refusals: [
        "user_not_found",
        "access_token_end_past",
        "access_token_outlives",
        "tokens_too_many",
      ],
    },
    "PATCH /auth/tokens/{id}": {
      summary: "Enable or disable a token",
      description:
        "Disabling takes those along that it made. `system` enables any, a user's token those that it made, one by one.",
      who: "userOrSystem",
      path: TOKEN_ID,
      body: ChangeTokenRequest,
      reply: ref("AccessToken"),
      refusals: ["access_token_not_found", "access_token_not_made", "access_token_parent_disabled"],
    },
    "DELETE /auth/tokens/{id}": {
      summary: "Delete a token and those that it made",
      who: "userOrSystem",
      path: TOKEN_ID,
      reply: NULL,
      refusals: ["access_token_not_found"],
    },
  },
};
