// The Worker that Stowage is measured against (docs/performance.md). It also fills both buckets before a run.

import { sendArchive } from "./archive.ts";
import { createEntries, listEntries, putFile } from "./catalog.ts";
import { fillObject, fillObjects, sendFile } from "./files.ts";
import { LENGTH } from "./names.ts";
import { BareObject } from "./object.ts";
import type { BareEnv } from "./object.ts";

type Handler = (request: Request, env: BareEnv, rest: string) => Promise<Response>;

const HANDLERS: Record<string, Handler> = {
  upload,
  file: (request, env, path) => sendFile(env, path, request.headers.get("Range")),
  archive: (request, env, prefix) => sendArchive(request, env, prefix),
  list: (request, env, artifact) => listEntries(request, env, artifact),
  create: (request, env, artifact) => createEntries(request, env, artifact),
  put: (request, env, path) => putFile(request, env, path),
  object: (request, env, key) => fillObject(request, env, key),
  objects: (request, env, prefix) => fillObjects(request, env, prefix),
};

/** A body is appended, none completes the upload. */
function upload(request: Request, env: BareEnv, key: string): Promise<Response> {
  return env.UPLOADS.getByName(key).fetch(`https://upload/${key}`, {
    method: "POST",
    headers: { [LENGTH]: request.headers.get("Content-Length") ?? "0" },
    body: request.body,
  });
}

export { BareObject };

export default {
  fetch(request, env) {
    const [, name = "", rest = ""] = /^\/([^/]+)\/(.*)$/u.exec(new URL(request.url).pathname) ?? [];
    const handler = HANDLERS[name];
    return handler === undefined
      ? Promise.resolve(new Response("No such job", { status: 404 }))
      : handler(request, env, rest);
  },
} satisfies ExportedHandler<BareEnv>;
