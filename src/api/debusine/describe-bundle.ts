// An artifact as Debusine's client reads it. It may have 100,000 files, so the JSON is written while they are
// read, some at a time.

import { readManifest } from "../../artifacts/manifests.ts";
import type { Bundle, BundleVersion } from "../../catalog/artifacts/bundles.ts";
import { listDraftFiles } from "../../drafts/call-draft.ts";
import type { DeclaredFile } from "../../drafts/declared.ts";
import { bodyOfUnknownLength, writeBytes } from "../../http/stream-bytes.ts";
import { AppError } from "../../protocol/errors.ts";
import { fileUrl, folderUrl } from "../../protocol/urls.ts";

/** The only scope there is. */
const SCOPE = "debusine";

type Stores = Pick<Env, "BUCKET" | "DRAFTS">;

/** What the body needs beside the artifact: `find` looks it up again, when its draft is sealed meanwhile; `origin` is that of the
 * request, for its absolute URLs. */
interface Terms {
  find: () => Promise<Bundle | null>;
  origin: string;
}

/** The body of the answer. */
export function describeBundle(
  stores: Stores,
  bundle: Bundle,
  terms: Terms,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return bodyOfUnknownLength(async (to) => {
    for await (const text of bundleJson(stores, bundle, terms)) {
      await writeBytes(to, encoder.encode(text));
    }
  });
}

async function* bundleJson(
  stores: Stores,
  bundle: Bundle,
  { find, origin }: Terms,
): AsyncGenerator<string> {
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
  const files = new BundleFiles(stores, bundle.version, find);
  yield* joined(files.list("missing"), ({ path }) => JSON.stringify(path));
  yield '],"files":{';
  yield* joined(files.list("all"), (file) => {
    const { path, size, sha256, contentType } = file;
    const url = origin + fileUrl(id, path);
    const shown = { type: "file", size, checksums: { sha256 }, content_type: contentType, url };
    return `${JSON.stringify(path)}:${JSON.stringify(shown)}`;
  });
  yield "}}";
}

/** The members of an array or object. */
async function* joined(
  pages: AsyncIterable<DeclaredFile[]>,
  show: (file: DeclaredFile) => string,
): AsyncGenerator<string> {
  let separator = "";
  for await (const files of pages) {
    if (files.length > 0) {
      yield separator + files.map(show).join(",");
      separator = ",";
    }
  }
}

/** The files of a version, wherever it keeps them. */
class BundleFiles {
  readonly #stores: Stores;
  #version: BundleVersion | null;
  readonly #find: () => Promise<Bundle | null>;

  constructor(stores: Stores, version: BundleVersion | null, find: () => Promise<Bundle | null>) {
    this.#stores = stores;
    this.#version = version;
    this.#find = find;
  }

  /** @yields All files, or those missing, in order, some at a time. */
  async *list(which: "all" | "missing"): AsyncGenerator<DeclaredFile[]> {
    let after: number | null = 0;
    while (after !== null && this.#version !== null) {
      const { manifest, draft } = this.#version;
      if (manifest !== null) {
        yield* which === "missing" ? [] : this.#listSealed(manifest, after);
        return;
      }
      const page: { files: DeclaredFile[]; last: number | null } | null =
        draft === null ? null : await listDraftFiles(this.#stores.DRAFTS, draft, which, after);
      if (page === null) {
        await this.#lookAgain();
      } else {
        yield page.files;
        after = page.last;
      }
    }
  }

  /** @yields The files of a manifest behind a number; it numbers them as the draft did. */
  async *#listSealed(
    { key, row }: NonNullable<BundleVersion["manifest"]>,
    after: number,
  ): AsyncGenerator<DeclaredFile[]> {
    const reader = readManifest(this.#stores.BUCKET, { key, row: Uint8Array.fromHex(row) });
    for await (const entries of reader.walk({ after: 0, last: reader.root.below.entries })) {
      yield entries.flatMap((entry) => {
        if (entry.kind === "folder" || entry.sums.files <= after) {
          return [];
        }
        const { path, size, sha256, type: contentType } = entry;
        return { path, size, sha256: sha256.toHex(), contentType };
      });
    }
  }

  /** The draft has ended: its version is sealed, or gone. */
  async #lookAgain(): Promise<void> {
    const bundle = await this.#find();
    if (bundle?.version && bundle.version.manifest === null) {
      throw new AppError("storage_unavailable");
    }
    this.#version = bundle?.version ?? null;
  }
}
