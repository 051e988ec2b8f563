import { Hono } from "hono";

import type { AppEnv } from "../app-env.ts";
import { artifacts } from "./artifacts.ts";
import { auth } from "./auth.ts";
import { blobChecksums, blobs } from "./blobs.ts";
import { openapi } from "./openapi.ts";
import { tokens } from "./tokens.ts";
import { uploads } from "./uploads.ts";
import { users } from "./users.ts";
import { workspaces } from "./workspaces.ts";

/** The Shaken Fist API and the administration. */
export const api = new Hono<AppEnv>()
  .route("/auth/namespaces", workspaces)
  .route("/auth/users", users)
  .route("/auth/tokens", tokens)
  .route("/auth", auth)
  .route("/openapi.json", openapi)
  .route("/upload", uploads)
  .route("/artifacts", artifacts)
  .route("/blobs", blobs)
  .route("/blob_checksums", blobChecksums);
