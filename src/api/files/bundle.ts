// POST /bundles/<bundle>: complete uploads of /files/ become the files of one artifact, by reference. The object that does it has a
// uuid that follows from the request, so that a repeat finds what the first one came to.

import type { Context } from "hono";

import { Routes } from "../../app-env.ts";
import type { AppEnv } from "../../app-env.ts";
import { requireAdder } from "../../auth/adders.ts";
import { requesterOf } from "../../auth/author.ts";
import { uploadUuidOf } from "../../auth/upload-uuids.ts";
import { entriesLeft, entriesOf, findWorkspaceById } from "../../catalog/access/workspaces.ts";
import { findUploadedArtifact } from "../../catalog/publish/upload-homes.ts";
import { useText } from "../../http/read-body.ts";
import { BundleUploadsRequest } from "../../protocol/bundle-requests.ts";
import { AppError, valueOf } from "../../protocol/errors.ts";
import type { Outcome } from "../../protocol/errors.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import {
  comparePaths,
  countFolders,
  findPathConflicts,
  findPathFault,
} from "../../protocol/paths.ts";
import { uploadOfUrl } from "../../protocol/tus.ts";
import type { BundledFile, JoinedPart, RestedPart, UploadFacts } from "../../protocol/uploads.ts";
import { folderUrl } from "../../protocol/urls.ts";
import { UploadGateway } from "../../uploads/gateway.ts";
import { readLargeJson } from "../json-body.ts";
import { isName, pathName } from "../path-name.ts";
import { requireUploadUuid } from "../upload-uuid.ts";
import { noteUpload } from "./open.ts";
import { isBundleName } from "./plan.ts";
import { requireHome } from "./who.ts";

/** Bundles. */
export const bundleUploads = new Routes().post("/:bundle", async (c) => {
  await requireAdder(c.var.identity, c.env.DB, "namespace_not_found");
  const bundle = pathName(c.req.url, 1);
  const call = await useText(c.req.raw, (text) => readLargeJson(text, BundleUploadsRequest), {
    limit: LIMITS.bundleCall,
    tooLong: "bundle_too_large",
  });
  const name = call.name ?? bundle;
  if (!isBundleName(bundle) || !isName(name)) {
    throw new AppError("artifact_name_invalid", `'${isBundleName(bundle) ? name : bundle}'`);
  }
  if (call.expire_at !== null && call.expire_at <= Date.now()) {
    throw new AppError("bundle_files_invalid", "expire_at is in the past");
  }
  const home = await requireHome(c, call.workspace);
  const made = await new Tying(c, { ...call, bundle, name }, home).make();
  return c.json(await describe(c, made));
});

type Call = Awaited<ReturnType<typeof readLargeJson<typeof BundleUploadsRequest>>> & {
  bundle: string;
  name: string;
};

/** One request to make an artifact of uploads. */
class Tying {
  readonly #c: Context<AppEnv>;
  readonly #call: Call;
  readonly #home: { id: number; name: string };
  readonly #gateway: UploadGateway;

  constructor(c: Context<AppEnv>, call: Call, home: { id: number; name: string }) {
    this.#c = c;
    this.#call = call;
    this.#home = home;
    this.#gateway = new UploadGateway(c.env.UPLOADS, home.id);
  }

  /** What the request came to, or one that was the same. */
  async make(): Promise<UploadFacts> {
    const { tokenSecret } = this.#c.var.settings;
    const seed = JSON.stringify([this.#home.id, this.#call]);
    const uuid = await uploadUuidOf(seed, tokenSecret);
    const before = await this.#gateway.bundle(uuid, null);
    const isNew = !before.ok && before.code === "upload_not_found";
    return requireMade(isNew ? await this.#begin(uuid) : before);
  }

  async #begin(uuid: Uuid): Promise<Outcome<UploadFacts>> {
    const { files, parts } = await this.#findFiles();
    const sorted = requireTree(files);
    if (JSON.stringify([files, parts]).length > LIMITS.bundleNotes) {
      throw new AppError("bundle_too_large", "its paths and the parts of its uploads are too many");
    }
    const length = files.reduce((sum, { size }) => sum + size, 0);
    const room = await noteUpload(this.#c, uuid, this.#home.id, length);
    await requireEntries(this.#c, this.#home.id, sorted);
    const plan = {
      protocol: "tus" as const,
      metadata: null,
      concat: null,
      intent: this.#intent(),
      digests: [],
      files,
    };
    return this.#gateway.bundle(uuid, { room, plan, parts });
  }

  #intent() {
    const { bundle, name, artifact_type: type, category, data, expire_at } = this.#call;
    return {
      workspaceId: this.#home.id,
      type,
      name,
      sourceUrl: `stowage://bundle/${this.#home.name}/${bundle}`,
      shared: false,
      ...requesterOf(this.#c),
      gift: false,
      ...(category === null ? {} : { category }),
      ...(data === null ? {} : { data: dataOf(data) }),
      ...(expire_at === null ? {} : { expiresAt: expire_at }),
    };
  }

  /** Brings all uploads to rest, and says what they are. */
  async #findFiles(): Promise<{ files: BundledFile[]; parts: JoinedPart[] }> {
    const found: { file: BundledFile; part: JoinedPart }[] = [];
    const { files } = this.#call;
    for (let at = 0; at < files.length; at += LIMITS.askedAtOnce) {
      const some = files.slice(at, at + LIMITS.askedAtOnce);
      found.push(...(await Promise.all(some.map((file) => this.#findFile(file)))));
    }
    if (new Set(found.map(({ part }) => part.uuid)).size < found.length) {
      throw new AppError("bundle_files_invalid", "an upload is there twice");
    }
    return { files: found.map(({ file }) => file), parts: found.map(({ part }) => part) };
  }

  async #findFile(asked: Call["files"][number]) {
    const uuid = await requireUploadUuid(this.#c, uploadOfUrl(asked.upload) ?? asked.upload);
    const rested = await this.#gateway.rest(uuid, this.#call.bundle);
    if (!rested.ok) {
      throw new AppError(rested.code, `upload ${uuid}`);
    }
    const { extents } = rested;
    const file = toFile(asked, { upload: uuid, objects: extents.length }, rested);
    return { file, part: { uuid, extents } };
  }
}

/** Refuses a content that is not the one that was asked for. */
function toFile(
  { path, sha256, size }: Call["files"][number],
  own: Pick<BundledFile, "upload" | "objects">,
  { facts, member }: RestedPart,
): BundledFile {
  if ((size ?? facts.size) !== facts.size || (sha256 ?? facts.sha256) !== facts.sha256) {
    throw new AppError("upload_content_mismatch", `upload ${own.upload}: sha256 ${facts.sha256}`);
  }
  const said = member ?? { path: "", contentType: null };
  return { ...facts, ...own, path: path ?? said.path, contentType: said.contentType };
}

function dataOf(data: Record<string, unknown>): string {
  const text = JSON.stringify(data);
  if (new TextEncoder().encode(text).length > LIMITS.bundleData) {
    throw new AppError("bundle_files_invalid", `data is over ${LIMITS.bundleData} bytes as JSON`);
  }
  return text;
}

/** The files in order; refused where they cannot be in one folder. */
function requireTree(files: readonly BundledFile[]): BundledFile[] {
  for (const { path } of files) {
    const fault = findPathFault(path);
    if (fault !== null) {
      throw new AppError("bundle_files_invalid", `path '${path}' ${fault}`);
    }
  }
  const sorted = files.toSorted((one, other) => comparePaths(one.path, other.path));
  for (const conflict of findPathConflicts(sorted, LIMITS.bundleFolders)) {
    if (conflict !== null) {
      throw new AppError("bundle_files_invalid", `path '${conflict.path}' ${conflict.fault}`);
    }
  }
  return sorted;
}

/** What the batch refuses, before the uploads are touched. */
async function requireEntries(
  c: Context<AppEnv>,
  workspaceId: number,
  sorted: readonly BundledFile[],
): Promise<void> {
  const workspace = await findWorkspaceById(c.env.DB, workspaceId);
  // The version itself is one more.
  const entries = sorted.length + countFolders(sorted) + 1;
  if (workspace !== null && entries > entriesLeft(workspace)) {
    throw new AppError("entries_exceeded", entriesOf(workspace));
  }
}

/** One that is still being made is to be asked for again. */
function requireMade(outcome: Outcome<UploadFacts>): UploadFacts {
  if (!outcome.ok && outcome.code === "upload_sealing") {
    throw new AppError("storage_unavailable");
  }
  return valueOf(outcome);
}

async function describe(c: Context<AppEnv>, { became, plan, length }: UploadFacts) {
  const { artifactUuid: uuid, versionIndex: version } = became ?? NOTHING;
  const artifact = uuid === null ? null : await findUploadedArtifact(c.env.DB, uuid);
  if (artifact === null || version === null) {
    throw new AppError("artifact_not_found");
  }
  const { id } = artifact;
  const url = folderUrl(id, "", { version });
  return { id, uuid, version, url, file_count: plan?.files?.length, total_bytes: length };
}

const NOTHING = { artifactUuid: null, versionIndex: null };
