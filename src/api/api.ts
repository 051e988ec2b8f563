import { Routes } from "../app-env.ts";
import { absent } from "./absent.ts";
import { artifactEvents } from "./artifact-events.ts";
import { artifactMetadata } from "./artifact-metadata.ts";
import { artifactVersions } from "./artifact-versions.ts";
import { artifacts } from "./artifacts.ts";
import { audit } from "./audit.ts";
import { auth } from "./auth.ts";
import { blobChecksums, blobs } from "./blobs.ts";
import { convert } from "./convert.ts";
import { fetches } from "./fetch.ts";
import { bundleUploads } from "./files/bundle.ts";
import { fsck } from "./fsck.ts";
import { health } from "./health.ts";
import { instanceMetadata } from "./instance-metadata.ts";
import { labels } from "./labels.ts";
import { metrics } from "./metrics.ts";
import { tokens } from "./tokens.ts";
import { trustedBy } from "./trusted-by.ts";
import { uploads } from "./uploads.ts";
import { users } from "./users.ts";
import { workspaceKeys } from "./workspace-keys.ts";
import { workspaceMetadata } from "./workspace-metadata.ts";
import { workspaces } from "./workspaces.ts";

/** The Shaken Fist API and the administration. */
export const api = new Routes()
  .route("/auth/namespaces", workspaces)
  .route("/auth/namespaces", workspaceKeys)
  .route("/auth/namespaces", workspaceMetadata)
  .route("/auth/namespaces", trustedBy)
  .route("/auth/users", users)
  .route("/auth/tokens", tokens)
  .route("/auth", auth)
  .route("/fsck", fsck)
  .route("/audit", audit)
  .route("/healthz", health)
  .route("/metrics", metrics)
  .route("/upload", uploads)
  .route("/bundles", bundleUploads)
  // Before the verbs below: artifacts named 'share' or 'versions' must upload.
  .route("/artifacts/upload", convert)
  .route("/artifacts", fetches)
  .route("/artifacts", artifacts)
  .route("/artifacts", artifactVersions)
  .route("/artifacts", artifactMetadata)
  .route("/artifacts", artifactEvents)
  .route("/instances", instanceMetadata)
  .route("/label", labels)
  .route("/blobs", blobs)
  .route("/blob_checksums", blobChecksums)
  .route("/", absent);
