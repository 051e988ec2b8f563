// An artifact as Debusine's client reads it. It may have 100,000 files, so the JSON is written while they are
// read, page by page.

import { listDeclared } from "../../catalog/bundles.ts";
import type { Bundle, DeclaredFile } from "../../catalog/bundles.ts";
import { bodyOfUnknownLength, writeBytes } from "../../http/stream-bytes.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { fileUrl, folderUrl } from "../../protocol/urls.ts";

/** The only scope there is. */
const SCOPE = "debusine";

/** The body of the answer; `origin` is that of the request, for its absolute URLs. */
export function describeBundle(
  db: Env["DB"],
  bundle: Bundle,
  origin: string,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return bodyOfUnknownLength(async (to) => {
    for await (const text of bundleJson(db, bundle, origin)) {
      await writeBytes(to, encoder.encode(text));
    }
  });
}

async function* bundleJson(db: Env["DB"], bundle: Bundle, origin: string): AsyncGenerator<string> {
  const { id, workspace, category, data, createdAt, expiresAt } = bundle;
  const head = {
    id,
    url: folderUrl(id, ""),
    scope: SCOPE,
    workspace,
    category,
    created_at: new Date(createdAt).toISOString(),
    expire_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    download_tar_gz_url: origin + folderUrl(id, "", { archive: "tar.gz" }),
  };
  yield `${JSON.stringify(head).slice(0, -1)},"data":${data},"files_to_upload":[`;
  yield* listed(db, bundle, "missing", ({ path }) => JSON.stringify(path));
  yield '],"files":{';
  yield* listed(db, bundle, "all", (file) => {
    const { path, size, sha256, contentType } = file;
    const url = origin + fileUrl(id, path);
    const shown = { type: "file", size, checksums: { sha256 }, content_type: contentType, url };
    return `${JSON.stringify(path)}:${JSON.stringify(shown)}`;
  });
  yield "}}";
}

/** The members of an array or object, a page in memory at a time. */
async function* listed(
  db: Env["DB"],
  { versionId }: Bundle,
  which: "all" | "missing",
  show: (file: DeclaredFile) => string,
): AsyncGenerator<string> {
  if (versionId === null) {
    return;
  }
  const limit = LIMITS.describedPage;
  let after = 0;
  for (;;) {
    const files = await listDeclared(db, versionId, which, { after, limit });
    if (files.length > 0) {
      yield (after === 0 ? "" : ",") + files.map(show).join(",");
    }
    after = files.at(-1)?.ordinal ?? after;
    if (files.length < limit) {
      return;
    }
  }
}
