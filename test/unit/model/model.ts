// What a store ought to hold, as plain data: what the commands of the model test compare the service with.

import { LIMITS } from "../../../src/protocol/limits.ts";
import { bytes } from "../support/bytes.ts";
import type { Client } from "./service.ts";

const HOUR = 3_600_000;
/** Milliseconds without a byte after which an upload goes. */
export const IDLE = 24 * HOUR;
/** Versions that an artifact keeps. */
const VERSIONS = 3;

/** An upload that its client knows. */
export interface Upload {
  client: Client;
  uuid: string;
  bytes: Uint8Array;
  /** When it last got a byte, or was made. */
  lastAt: number;
  /** Bytes that it may hold; null: no limit. */
  room: number | null;
}

/** An upload of /files/ that its client knows. */
export interface FilesUpload extends Upload {
  path: string;
  /** Bytes that it is to have. */
  length: number;
  /** The artifact that it becomes; null: it is a part of another upload. */
  name: string | null;
}

/** Bytes that a version has or waits for, of one file or several. */
export interface Content {
  bytes: Uint8Array;
  isThere: boolean;
  /** The upload that brings it: the bytes held, and when the last came. */
  upload: { held: number; at: number } | null;
}

export interface Version {
  index: number;
  files: ReadonlyMap<string, Content>;
  /** When it was made or last got a file. */
  progressAt: number;
}

/** A living artifact. */
export interface Artifact {
  client: Client;
  name: string;
  id: number;
  uuid: string;
  versions: Version[];
  /** The last index given out. */
  highest: number;
}

/** An upload that became a version. */
interface Converted {
  client: Client;
  uuid: string;
  name: string;
  artifactUuid: string;
  at: number;
}

export interface Model {
  clients: readonly Client[];
  uploads: Upload[];
  files: FilesUpload[];
  artifacts: Artifact[];
  converted: Converted[];
  /** Artifacts that are gone. */
  deleted: { client: Client; uuid: string; id: number }[];
  /** Makes the contents of a run its own. */
  salt: number;
}

const POOL = bytes(24 * 1024 * 1024, 2_026);
const LONGEST = 12 * 1024 * 1024;

/** `length` bytes, the same for the same seed of a run. */
export function contentOf({ salt }: Model, seed: number, length: number): Uint8Array {
  const start = (salt * 7_919 + seed * 1_000_003) % (POOL.length - LONGEST);
  return POOL.subarray(start, start + length);
}

/** The element that a number names, however many there are. */
export function pick<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length];
  if (found === undefined) {
    throw new Error("Cannot pick from nothing");
  }
  return found;
}

/** Are these the same bytes? */
export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && crypto.subtle.timingSafeEqual(one, other);
}

export function sizeOf({ files }: Version): number {
  return [...files.values()].reduce((sum, content) => sum + content.bytes.length, 0);
}

export function isComplete({ files }: Version): boolean {
  return [...files.values()].every(({ isThere }) => isThere);
}

/** Does the Shaken Fist API know it? Only once all its files are there. */
export function isKnown({ versions }: Artifact): boolean {
  return versions.some(isComplete);
}

/** What the versions of a workspace come to. */
export function usedBy(model: Model, client: Client): number {
  return model.artifacts
    .filter((artifact) => artifact.client === client)
    .flatMap(({ versions }) => versions)
    .reduce((sum, version) => sum + sizeOf(version), 0);
}

/** Does a living file of the workspace have these bytes? */
export function holds(model: Model, client: Client, wanted: Uint8Array): boolean {
  return model.artifacts
    .filter((artifact) => artifact.client === client)
    .flatMap(({ versions }) => versions.flatMap(({ files }) => [...files.values()]))
    .some(({ isThere, bytes: held }) => isThere && isSame(held, wanted));
}

/** Does a living, complete version of the workspace have these bytes where a look-up by their hash finds them: as its only
 * file, or as one of at least 1 MiB? */
export function findsByHash(model: Model, client: Client, wanted: Uint8Array): boolean {
  return model.artifacts
    .filter((artifact) => artifact.client === client)
    .flatMap(({ versions }) => versions.map(({ files }) => [...files.values()]))
    .filter((files) => files.every(({ isThere }) => isThere))
    .filter((files) => files.length === 1 || wanted.length >= LIMITS.indexedFile)
    .some((files) => files.some(({ bytes: held }) => isSame(held, wanted)));
}

/** The artifact that a conversion of that name adds a version to. */
export function findNamed(model: Model, client: Client, name: string): Artifact | null {
  return (
    model.artifacts.find((artifact) => artifact.client === client && artifact.name === name) ?? null
  );
}

/** What publishing these bytes under a name comes to. */
export type Publication = "refused" | "repeated" | "added";

/** Foretells it, and changes nothing. */
export function foresee(
  model: Model,
  client: Client,
  name: string,
  added: Uint8Array,
): Publication {
  const versions = findNamed(model, client, name)?.versions ?? [];
  const newest = versions.at(-1)?.files.get(name);
  if (newest !== undefined && isSame(newest.bytes, added)) {
    return "repeated";
  }
  const pruned = versions.slice(0, Math.max(0, versions.length + 1 - VERSIONS));
  const used =
    usedBy(model, client) + added.length - pruned.reduce((sum, one) => sum + sizeOf(one), 0);
  return client.quota !== null && used > client.quota ? "refused" : "added";
}

/** Adds a version; `made` identifies the artifact where there was none. */
export function addVersion(
  model: Model,
  client: Client,
  made: { name: string; id: number; uuid: string },
  added: Uint8Array,
): Artifact {
  const { name } = made;
  let artifact = findNamed(model, client, name);
  if (artifact === null) {
    artifact = { client, ...made, versions: [], highest: 0 };
    model.artifacts.push(artifact);
  }
  artifact.highest += 1;
  const content = { bytes: added, isThere: true, upload: null };
  const version = {
    index: artifact.highest,
    files: new Map([[name, content]]),
    progressAt: Date.now(),
  };
  artifact.versions = [...artifact.versions, version].slice(-VERSIONS);
  return artifact;
}

/** Takes an artifact away. */
export function removeArtifact(model: Model, artifact: Artifact): void {
  model.artifacts.splice(model.artifacts.indexOf(artifact), 1);
  model.deleted.push(artifact);
}

/** What a sweep takes away now. */
export function applySweep(model: Model): void {
  const before = Date.now() - IDLE;
  model.uploads = model.uploads.filter(({ lastAt }) => lastAt >= before);
  model.files = model.files.filter(({ lastAt }) => lastAt >= before);
  model.converted = model.converted.filter(({ at }) => at >= Date.now() - LIMITS.sealedMemory);
  for (const artifact of model.artifacts.slice()) {
    const contents = artifact.versions.flatMap(({ files }) => [...files.values()]);
    for (const content of contents) {
      if (content.upload !== null && content.upload.at < before) {
        content.upload = null;
      }
    }
    const isAbandoned = artifact.versions.every(
      (version) => !isComplete(version) && version.progressAt < before,
    );
    if (isAbandoned && contents.every(({ upload }) => upload === null)) {
      removeArtifact(model, artifact);
    }
  }
}
