// POST /artifacts: a URL is fetched into an artifact, in the background.

import { Routes } from "../app-env.ts";
import { requireWorkspaceKey } from "../auth/access.ts";
import { requesterOf } from "../auth/author.ts";
import { roomOf, SYSTEM, usageOf } from "../catalog/access/workspaces.ts";
import { beginFetch } from "../catalog/publish/fetches.ts";
import { checkRemoteUrl, remoteName } from "../http/remote-url.ts";
import { AppError, valueOf } from "../protocol/errors.ts";
import { newUuid } from "../protocol/ids.ts";
import { FetchRequest } from "../protocol/requests.ts";
import { UploadGateway } from "../uploads/gateway.ts";
import { showArtifact } from "./artifact-lookup.ts";
import { readJson } from "./json-body.ts";
import { isName } from "./path-name.ts";
import { requireTarget } from "./target.ts";

/** Fetches. The answer shows the artifact as it is before anything is fetched. */
export const fetches = new Routes().post("/", async (c) => {
  const key = requireWorkspaceKey(c.var.identity);
  const request = await readJson(c.req.raw, FetchRequest);
  const { fetchHosts: rules, fetchMaxBytes: maxBytes, fetchMaxMs } = c.var.settings;
  const { url } = valueOf(checkRemoteUrl(request.url, rules));
  const target = await requireTarget(c.env.DB, key, request.namespace);
  const { shared, url: sourceUrl } = request;
  if (shared && !(key.isSystem && target.name === SYSTEM)) {
    throw new AppError("artifact_shared_outside_system");
  }
  const room = roomOf(target);
  if (room === 0) {
    throw new AppError("quota_exceeded", usageOf(target));
  }
  const [now, workspaceId] = [Date.now(), target.id];
  const name = isName(remoteName(url)) ? remoteName(url) : url.hostname;
  const made = { workspaceId, type: "image", name, sourceUrl, shared, ...requesterOf(c) };
  const intent = { ...made, gift: target.isGift };
  const begun = valueOf(await beginFetch(c.env.DB, newUuid(), intent, now));
  const reply = await showArtifact(c.env.DB, key, begun.artifactUuid);
  const job = {
    url: url.href,
    // Whether the gift may be made is decided by now.
    intent: { ...made, gift: false },
    maxBytes,
    deadline: now + fetchMaxMs,
    ...rules,
  };
  valueOf(await new UploadGateway(c.env.UPLOADS, workspaceId).fetch(begun.uploadUuid, room, job));
  return c.json(reply);
});
