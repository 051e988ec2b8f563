// An upload in one request, as any HTTP client makes it: `curl -T disk.img …/files/`. All or nothing, as nobody could go on
// with what arrived.

import type { Context } from "hono";

import type { AppEnv } from "../../app-env.ts";
import { newUploadUuid } from "../../auth/upload-uuids.ts";
import { readBodyPromise } from "../../http/body-check.ts";
import { dispositionName } from "../../http/disposition-name.ts";
import { AppError, valueOf } from "../../protocol/errors.ts";
import { UploadGateway } from "../../uploads/gateway.ts";
import { pathName } from "../path-name.ts";
import { sayFacts } from "./answers.ts";
import { noteUpload, requireTaken } from "./open.ts";
import { planArtifact } from "./plan.ts";
import { lengthOf, readChecksum } from "./read-append.ts";
import { UploadMetadata } from "./upload-metadata.ts";
import { requireHome } from "./who.ts";

/** Takes a whole file; `name` is that of the address, null where it has none. */
export async function createWhole(c: Context<AppEnv>, name: string | null): Promise<Response> {
  const { raw: request } = c.req;
  const { headers, body } = request;
  const metadata = new UploadMetadata(null);
  const home = await requireHome(c, c.req.header("Stowage-Workspace") ?? null);
  const said = valueOf(readBodyPromise(headers, "content")).promise;
  const promise = { ...said, digests: [...said.digests, ...readChecksum(headers)] };
  const length = lengthOf(request);
  const uuid = await newUploadUuid(c.var.settings.tokenSecret);
  const facts = {
    name:
      name === null ? dispositionName(headers.get("Content-Disposition")) : pathName(c.req.url, 1),
    type: headers.get("Content-Type"),
  };
  const intent = planArtifact(c, { home, uuid, metadata, facts });
  const plan = { protocol: "ietf" as const, metadata: null, concat: null, intent, digests: [] };
  const room = await noteUpload(c, uuid, home.id, length);
  const gateway = new UploadGateway(c.env.UPLOADS, home.id);
  valueOf(await gateway.begin(uuid, room, plan, length));
  const taken = await gateway.put(uuid, body, {
    offset: 0,
    length,
    promise,
    uploadLength: null,
    completes: "now",
    isWhole: true,
    endsWhenTooLong: true,
  });
  const shown = await sayFacts(c, await requireTaken(c, gateway, uuid, taken), "plain");
  if (shown === null) {
    throw new AppError("artifact_not_found");
  }
  c.header("Location", `/a/${shown.id}/`);
  return c.json(shown, 201);
}
