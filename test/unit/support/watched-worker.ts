// The service as unit tests run it: the real one, with its calls watched (calls.ts). vitest.config.ts names this
// module as the Worker, so that its objects are watched too.

import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";

import { app } from "../../../src/app.ts";
import { catalogDesk } from "../../../src/artifacts/publish.ts";
import { DraftObjectBase } from "../../../src/drafts/draft-object.ts";
import { UploadObjectBase } from "../../../src/uploads/upload-object.ts";
import { watch, watchStorage } from "./calls.ts";

/** The upload object, watched. */
export class UploadObject extends UploadObjectBase {
  constructor(ctx: DurableObjectState, given: Env) {
    const watched = watch(given, () => ctx.abort("Crash"));
    watchStorage(ctx.storage);
    super(ctx, watched, catalogDesk(watched));
  }
}

/** The draft object, watched. */
export class DraftObject extends DraftObjectBase {
  constructor(ctx: DurableObjectState, given: Env) {
    watchStorage(ctx.storage);
    super(
      ctx,
      watch(given, () => ctx.abort("Crash")),
    );
  }
}

/** The Worker's env, watched. */
export const watchedEnv: Env = watch(env);

/** Sends a request to the watched Worker. */
export async function request(
  path: string,
  { bearer, body, ...init }: RequestInit & { bearer?: string; body?: BodyInit | null } = {},
): Promise<Response> {
  const headers = new Headers(init.headers);
  if (bearer !== undefined) {
    headers.set("Authorization", `Bearer ${bearer}`);
  }
  if (body instanceof Uint8Array) {
    headers.set("Content-Length", String(body.length));
  }
  const url = `https://stowage.test${path}`;
  const ctx = createExecutionContext();
  const response = await app.fetch(
    new Request(url, { redirect: "manual", ...init, body: body ?? null, headers }),
    watchedEnv,
    ctx,
  );
  await waitOnExecutionContext(ctx);
  return response;
}
