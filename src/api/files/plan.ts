// What a new upload is to become, from what its client says of it. Judged once, before there is an upload.

import type { Context } from "hono";

import type { AppEnv } from "../../app-env.ts";
import { requesterOf } from "../../auth/author.ts";
import type { BodyDigest } from "../../protocol/body-promise.ts";
import { AppError } from "../../protocol/errors.ts";
import type { Uuid } from "../../protocol/ids.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { findPathFault } from "../../protocol/paths.ts";
import type { ArtifactIntent, UploadPlan } from "../../protocol/uploads.ts";
import { isName } from "../path-name.ts";
import type { UploadMetadata } from "./upload-metadata.ts";

const TYPES = new Set(["image", "snapshot", "label", "other"]);
const DAY = 86_400_000;
const LENGTHS = { sha256: 64, sha512: 128 } as const;

/** What a request says of the upload that it opens; `facts` are those of the file beside its metadata. */
export interface Opening {
  home: { id: number; name: string };
  uuid: Uuid;
  metadata: UploadMetadata;
  facts?: { name: string | null; type: string | null };
}

/** What an upload is to become: an artifact, or a file of a bundle. */
export function planOutcome(
  c: Context<AppEnv>,
  opening: Opening,
): Pick<UploadPlan, "intent" | "member"> {
  const bundle = opening.metadata.text("bundle");
  if (bundle === null) {
    return { intent: planArtifact(c, opening) };
  }
  if (!isBundleName(bundle)) {
    throw refused(`'${bundle}' cannot be a bundle's name`);
  }
  const path = readRelativePath(opening);
  return { intent: null, member: { bundle, path, contentType: readContentType(opening) } };
}

/** May a bundle be called so? */
export function isBundleName(name: string): boolean {
  return isName(name) && name.length <= LIMITS.bundleName;
}

/** The path that the file has in the folder that is uploaded; some browsers begin it with a slash. */
function readRelativePath(opening: Opening): string {
  const path = opening.metadata.text("relativePath")?.replace(/^\//u, "") ?? readPath(opening);
  const fault = findPathFault(path);
  if (fault !== null) {
    throw refused(`the path '${path}' ${fault}`);
  }
  return path;
}

/** The artifact that an upload is to become. */
export function planArtifact(c: Context<AppEnv>, opening: Opening): ArtifactIntent {
  const { home, metadata } = opening;
  const path = readPath(opening);
  const name = metadata.text("artifact") ?? path;
  if (!isName(name)) {
    throw refused(`'${name}' cannot be an artifact's name`);
  }
  const type = metadata.text("artifact_type") ?? "other";
  if (!TYPES.has(type)) {
    throw refused(`artifact_type '${type}'`);
  }
  return {
    workspaceId: home.id,
    type,
    name,
    sourceUrl: `sf://upload/${home.name}/${name}`,
    shared: false,
    ...requesterOf(c),
    gift: false,
    ...(path === name ? {} : { path }),
    ...readExtras(opening),
  };
}

type Extras = Pick<ArtifactIntent, "contentType" | "expiresAt" | "explode">;

function readContentType({ metadata, facts }: Opening): string | null {
  const contentType = metadata.text("filetype", "type") ?? facts?.type ?? null;
  if (contentType !== null && contentType.length > 255) {
    throw refused("filetype is over 255 characters");
  }
  return contentType;
}

function readExtras(opening: Opening): Extras {
  const { metadata } = opening;
  const contentType = readContentType(opening);
  const expiresAt = readExpiry(metadata, Date.now());
  return {
    ...(contentType === null ? {} : { contentType }),
    ...(expiresAt === null ? {} : { expiresAt }),
    ...(readSwitch(metadata, "explode") ? { explode: true as const } : {}),
  };
}

/** The name that the file has, without the folders that it was in. */
function readPath({ uuid, metadata, facts }: Opening): string {
  const name = metadata.text("filename", "name") ?? facts?.name ?? uuid;
  const path = name.split(/[/\\]/u).at(-1) ?? "";
  const fault = findPathFault(path);
  if (fault !== null || !isName(path)) {
    throw refused(`the name '${path}' ${fault ?? "cannot be one"}`);
  }
  return path;
}

function refused(detail: string): AppError {
  return new AppError("upload_metadata_refused", detail);
}

/** Digests of the whole that the metadata has. */
export function planDigests(metadata: UploadMetadata): BodyDigest[] {
  return (["sha256", "sha512"] as const).flatMap((algorithm) => {
    const hex = metadata.text(algorithm)?.toLowerCase() ?? null;
    if (hex !== null && !(/^[0-9a-f]+$/u.test(hex) && hex.length === LENGTHS[algorithm])) {
      throw refused(`${algorithm} '${hex}' is none`);
    }
    return hex === null ? [] : [{ algorithm, hex }];
  });
}

function readSwitch(metadata: UploadMetadata, key: string): boolean {
  const text = metadata.text(key) ?? "false";
  if (text !== "true" && text !== "false") {
    throw refused(`${key} is neither true nor false`);
  }
  return text === "true";
}

/** The earlier of what is said, in milliseconds; null where nothing is. */
function readExpiry(metadata: UploadMetadata, now: number): number | null {
  const [date, days] = [metadata.text("expires"), metadata.text("expire_days")];
  const times = [
    ...(date === null ? [] : [/^\d{4}-\d\d-\d\d/u.test(date) ? Date.parse(date) : Number.NaN]),
    ...(days === null
      ? []
      : [now + Number(/^\d+(?:\.\d+)?$/u.test(days) ? days : Number.NaN) * DAY]),
  ];
  const earliest = times.length === 0 ? null : Math.round(Math.min(...times));
  if (earliest !== null && !(earliest > now && earliest <= 8.64e15)) {
    throw refused("expires and expire_days are times to come");
  }
  return earliest;
}
