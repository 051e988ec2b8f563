import { Hono } from "hono";

import type { AppEnv } from "../app-env.ts";
import { absent } from "./absent.ts";
import { artifacts } from "./artifacts.ts";
import { auth } from "./auth.ts";
import { blobChecksums, blobs } from "./blobs.ts";
import { tokens } from "./tokens.ts";
import { uploads } from "./uploads.ts";
import { users } from "./users.ts";
import { workspaceMetadata } from "./workspace-metadata.ts";
import { workspaces } from "./workspaces.ts";

/** The Shaken Fist API and the administration. */
export const api = new Hono<AppEnv>()
  .route("/auth/namespaces", workspaces)
  .route("/auth/namespaces", workspaceMetadata)
  .route("/auth/users", users)
  .route("/auth/tokens", tokens)
  .route("/auth", auth)
  .route("/upload", uploads)
  .route("/artifacts", artifacts)
  .route("/blobs", blobs)
  .route("/blob_checksums", blobChecksums)
  .route("/", absent);
