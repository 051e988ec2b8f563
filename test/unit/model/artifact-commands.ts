// What clients do with artifacts: read, archive, delete, and declare with files that come later.

import { env } from "cloudflare:workers";
import * as fc from "fast-check";

import { LIMITS } from "../../../src/protocol/limits.ts";
import { unzip } from "../archive/unzip.ts";
import { hexDigest } from "../support/bytes.ts";
import { ask, asked, expectSame, expectStatus, isUnclear, noteRepeat, settle } from "./ask.ts";
import { command } from "./command.ts";
import {
  contentOf,
  holds,
  isComplete,
  isKnown,
  isSame,
  pick,
  removeArtifact,
  sizeOf,
  usedBy,
} from "./model.ts";
import type { Artifact, Content, Model, Version } from "./model.ts";
import { jsonOf } from "./service.ts";
import type { Answer, Client, Sent } from "./service.ts";
import { expectVersions } from "./upload-commands.ts";
import type { ArtifactReply } from "./upload-commands.ts";

const any = fc.nat(99);
const fractions = fc.double({ min: 0, max: 1, noNaN: true });
const hasArtifacts = ({ artifacts }: Model) => artifacts.length > 0;

/** Both must be the same bytes, which are counted. */
function expectBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  asked.bytesChecked += expected.length;
  if (!isSame(actual, expected)) {
    throw new Error(`${what}: other bytes, ${actual.length} of ${expected.length}`);
  }
}

/** Reads a file of a version, all of it or a range. */
async function readFile(
  artifact: Artifact,
  version: Version,
  path: string,
  range: { from: number; to: number } | null,
): Promise<void> {
  const content = version.files.get(path);
  const url = `/a/${artifact.id}/${path}?version=${version.index}`;
  const headers = range === null ? {} : { Range: `bytes=${range.from}-${range.to - 1}` };
  const answer = await settle(artifact.client, url, { headers });
  if (content === undefined || !content.isThere) {
    expectStatus(answer, "a file whose bytes are missing", 404);
    return;
  }
  const { bytes } = content;
  expectStatus(answer, `read of ${url}`, range === null ? 200 : 206);
  expectBytes(answer.body, range === null ? bytes : bytes.subarray(range.from, range.to), url);
  const sha512 = await hexDigest("SHA-512", bytes);
  expectSame(answer.headers.get("ETag"), `"${sha512}"`, "the ETag of these bytes, whenever");
}

interface Place {
  artifact: number;
  version: number;
  file: number;
}

const anyFile = { artifact: any, version: any, file: any };

function findFile(
  model: Model,
  place: Place,
): { artifact: Artifact; version: Version; path: string; content: Content } {
  const artifact = pick(model.artifacts, place.artifact);
  const version = pick(artifact.versions, place.version);
  const [path, content] = pick([...version.files], place.file);
  return { artifact, version, path, content };
}

const hasFiles = ({ artifacts }: Model) =>
  artifacts.length > 0 &&
  artifacts.every(({ versions }) => versions.every(({ files }) => files.size > 0));

export const read = command("read", {
  weight: 2,
  args: fc.record(anyFile),
  ready: hasFiles,
  run(model, place) {
    const { artifact, version, path } = findFile(model, place);
    return readFile(artifact, version, path, null);
  },
});

export const readRange = command("read a range", {
  weight: 4,
  args: fc.record({ ...anyFile, from: fractions, length: fc.integer({ min: 1, max: 200_000 }) }),
  ready: hasFiles,
  async run(model, { from: fraction, length, ...place }) {
    const { artifact, version, path, content } = findFile(model, place);
    const { length: size } = content.bytes;
    if (size > 0) {
      const from = Math.min(size - 1, Math.floor(fraction * size));
      await readFile(artifact, version, path, { from, to: Math.min(size, from + length) });
    }
  },
});

/** The members of a tar of short paths. */
function untar(tar: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const text = (from: number, to: number) =>
    new TextDecoder().decode(tar.subarray(from, to)).replace(/\0.*$/su, "");
  for (let at = 0; at < tar.length && tar[at] !== 0;) {
    const size = Number.parseInt(text(at + 124, at + 136), 8);
    files.set(text(at, at + 100), tar.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

export const archive = command("archive", {
  weight: 2,
  args: fc.record({
    artifact: any,
    version: any,
    format: fc.constantFrom("tar", "zip"),
    from: fractions,
  }),
  ready: hasArtifacts,
  async run(model, { artifact: index, version: versionIndex, format, from }) {
    const artifact = pick(model.artifacts, index);
    const version = pick(artifact.versions, versionIndex);
    const url = `/a/${artifact.id}/?archive=${format}&version=${version.index}`;
    const whole = await settle(artifact.client, url);
    if (!isComplete(version)) {
      expectStatus(whole, "the archive of an incomplete version", 409);
      return;
    }
    expectStatus(whole, url, 200);
    const files = format === "tar" ? untar(whole.body) : await unzip(whole.body);
    expectSame([...files.keys()].toSorted(), [...version.files.keys()].toSorted(), "members");
    for (const [path, { bytes }] of version.files) {
      expectBytes(files.get(path) ?? new Uint8Array(), bytes, `${url} ${path}`);
    }
    const start = Math.floor(from * (whole.body.length - 1));
    const part = await settle(artifact.client, url, { headers: { Range: `bytes=${start}-` } });
    expectStatus(part, `range of ${url}`, 206);
    expectBytes(part.body, whole.body.subarray(start), `range of ${url}`);
  },
});

/** A deletion that was repeated may find that it is done. */
function expectDeleted(answer: Answer & { wasRepeated: boolean }, what: string): void {
  if (!(answer.wasRepeated && answer.status >= 400 && answer.status < 500)) {
    expectStatus(answer, what, 200);
  }
}

export const deleteVersion = command("delete a version", {
  weight: 2,
  args: fc.record({ artifact: any, version: any }),
  ready: hasArtifacts,
  async run(model, { artifact: index, version: versionIndex }) {
    const artifact = pick(model.artifacts, index);
    const version = pick(artifact.versions, versionIndex);
    const path = `/artifacts/${artifact.uuid}/versions/${version.index}`;
    const answer = await settle(artifact.client, path, { method: "DELETE" });
    if (!isKnown(artifact)) {
      expectStatus(answer, "deletion of an incomplete artifact", 404);
      return;
    }
    expectDeleted(answer, path);
    artifact.versions = artifact.versions.filter((one) => one !== version);
    if (artifact.versions.length === 0) {
      removeArtifact(model, artifact);
    }
  },
});

export const deleteArtifact = command("delete an artifact", {
  weight: 1,
  args: fc.record({ artifact: any }),
  ready: hasArtifacts,
  async run(model, { artifact: index }) {
    const artifact = pick(model.artifacts, index);
    const path = `/artifacts/${artifact.uuid}`;
    const answer = await settle(artifact.client, path, { method: "DELETE" });
    if (!isKnown(artifact)) {
      expectStatus(answer, "deletion of an incomplete artifact", 404);
      return;
    }
    expectDeleted(answer, path);
    removeArtifact(model, artifact);
  },
});

export const show = command("show", {
  weight: 1,
  args: fc.record({ client: any }),
  async run(model, { client: index }) {
    const client = pick(model.clients, index);
    const answer = await settle(client, "/artifacts");
    expectStatus(answer, "list", 200);
    const shown = (jsonOf(answer) as ArtifactReply[]).toSorted((one, other) => one.id - other.id);
    const own = model.artifacts
      .filter((artifact) => artifact.client === client && isKnown(artifact))
      .toSorted((one, other) => one.id - other.id);
    const uuids = (list: readonly { uuid: string }[]) => list.map(({ uuid }) => uuid);
    expectSame(uuids(shown), uuids(own), "the artifacts of a workspace");
    shown.forEach((reply, at) => {
      const artifact = pick(own, at);
      if (artifact.versions.every(({ files }) => files.has(artifact.name))) {
        expectVersions(reply, artifact);
      }
    });
  },
});

const declaredFiles = fc.uniqueArray(
  fc.record({
    path: fc.constantFrom("a", "b/c", "b/d", "e/f/g"),
    seed: fc.nat(2),
    length: fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom(0, 1, 900) },
      { weight: 6, arbitrary: fc.nat(30_000) },
      { weight: 1, arbitrary: fc.constantFrom(LIMITS.smallFile + 1, LIMITS.smallFile + 99_999) },
    ),
  }),
  { selector: ({ path }) => path, minLength: 1, maxLength: 4 },
);

/** The contents that a declaration names: equal ones are one. */
function declaredContents(
  model: Model,
  client: Client,
  files: readonly { path: string; seed: number; length: number }[],
): Map<string, Content> {
  const contents: Content[] = [];
  return new Map(
    files.map(({ path, seed, length }) => {
      const bytes = contentOf(model, seed, length);
      const known = contents.find((one) => isSame(one.bytes, bytes));
      const isThere = length === 0 || holds(model, client, bytes);
      const content = known ?? { bytes, isThere, upload: null };
      contents.push(content);
      return [path, content];
    }),
  );
}

/** A living artifact that the model does not know: its creation's answer was lost. */
async function findUnknown(
  model: Model,
  client: Client,
): Promise<{ id: number; uuid: string } | undefined> {
  const { results } = await env.DB.prepare(
    "SELECT id, uuid FROM artifacts WHERE workspace_id = ?1 AND deleted_at IS NULL",
  )
    .bind(client.id)
    .all<{ id: number; uuid: string }>();
  const known = new Set(model.artifacts.map(({ id }) => id));
  const unknown = results.filter(({ id }) => !known.has(id));
  if (unknown.length > 1) {
    throw new Error("There are artifacts that nobody made");
  }
  return unknown[0];
}

export const declare = command("declare", {
  weight: 3,
  args: fc.record({ client: any, files: declaredFiles }),
  async run(model, { client: index, files }) {
    const client = pick(model.clients, index);
    const contents = declaredContents(model, client, files);
    const declared = [...contents].map(async ([path, { bytes }]) => {
      const sha256 = await hexDigest("SHA-256", bytes);
      return [path, { type: "file", size: bytes.length, checksums: { sha256 } }] as const;
    });
    const request = {
      category: "model",
      workspace: client.name,
      data: {},
      files: Object.fromEntries(await Promise.all(declared)),
    };
    const version = { index: 1, files: contents, progressAt: Date.now() };
    const needed = usedBy(model, client) + sizeOf(version);
    const isRefused = client.quota !== null && needed > client.quota;
    let answer: Answer;
    for (let round = 1; ; round += 1) {
      answer = await ask(client, "/api/1.0/artifact/", { method: "POST", body: request });
      if (!isUnclear(answer) || (await findUnknown(model, client)) !== undefined) {
        break;
      }
      noteRepeat(round, answer);
    }
    const made = await findUnknown(model, client);
    if (isRefused) {
      expectStatus(answer, "declaration without room", 507);
      expectSame(made, undefined, "an artifact over the quota");
      return;
    }
    if (!isUnclear(answer)) {
      expectStatus(answer, "declaration", 201);
      expectSame((jsonOf(answer) as { id: number }).id, made?.id, "the id of an artifact");
    }
    if (made === undefined) {
      throw new Error("A declared artifact is nowhere");
    }
    model.artifacts.push({ client, name: "model", ...made, versions: [version], highest: 1 });
    const missing = [...contents].filter(([, { isThere }]) => !isThere).map(([path]) => path);
    const shown = await settle(client, `/api/1.0/artifact/${made.id}/`);
    const { files_to_upload: wanted } = jsonOf(shown) as { files_to_upload: string[] };
    expectSame(wanted.toSorted(), missing.toSorted(), "files to upload");
  },
});

/** What a put sends: bytes [from, to) of the file, right or wrong ones. */
interface Piece {
  from: number;
  to: number;
  isRight: boolean;
}

function putRequest(bytes: Uint8Array, { from, to, isRight }: Piece): Sent {
  const piece = isRight ? bytes.subarray(from, to) : bytes.slice(from, to).map((one) => one ^ 255);
  const isWhole = from === 0 && to === bytes.length;
  const range = { "Content-Range": `bytes ${from}-${to - 1}/${bytes.length}` };
  return { method: "PUT", body: piece, ...(isWhole ? {} : { headers: range }) };
}

/** How much of a file the service says is there. */
function heldOf(answer: Answer, size: number): number {
  const range = /^bytes=0-(\d+)$/u.exec(answer.headers.get("Range") ?? "")?.[1];
  return range === undefined ? size : Number(range);
}

/** Sends a piece until its answer is clear, from wherever the service then stands; gives that answer. */
async function deliver(
  artifact: Artifact,
  path: string,
  content: Content,
  piece: Piece,
): Promise<Answer> {
  const { client, id } = artifact;
  const { bytes } = content;
  const url = `/api/1.0/artifact/${id}/files/${path}/`;
  const held = content.upload?.held ?? 0;
  let next = piece;
  for (let round = 1; ; round += 1) {
    const answer = await ask(client, url, putRequest(bytes, next));
    if (!isUnclear(answer)) {
      return answer;
    }
    noteRepeat(round, answer);
    const question = { method: "PUT", headers: { "Content-Range": `bytes */${bytes.length}` } };
    const told = await settle(client, url, question);
    expectStatus(told, "question about a file", 200, 206);
    const at = told.status === 200 ? bytes.length : heldOf(told, bytes.length);
    if (![0, held, piece.from, piece.to].includes(at)) {
      throw new Error(`${at} bytes are held of a file: no piece ended there`);
    }
    if (at === piece.to && piece.isRight) {
      return told;
    }
    const goesOn = piece.isRight && piece.from <= held;
    next = { ...piece, from: goesOn ? Math.min(at, piece.to) : piece.from };
  }
}

function findMissing(model: Model): { artifact: Artifact; version: Version; path: string }[] {
  return model.artifacts.flatMap((artifact) =>
    artifact.versions.flatMap((version) =>
      [...version.files]
        .filter(([, { isThere }]) => !isThere)
        .map(([path]) => ({ artifact, version, path })),
    ),
  );
}

export const put = command("put", {
  weight: 5,
  args: fc.record({
    file: any,
    how: fc.constantFrom("whole", "whole", "next", "next", "rest", "overlap", "gap", "wrong"),
    length: fractions,
  }),
  ready: (model) => findMissing(model).length > 0,
  async run(model, { file, how, length }) {
    const { artifact, version, path } = pick(findMissing(model), file);
    const content = version.files.get(path);
    if (content === undefined) {
      throw new Error(`No file ${path}`);
    }
    const { bytes } = content;
    const held = content.upload?.held ?? 0;
    const piece = planPiece(how, held, bytes.length, length);
    const answer = await deliver(artifact, path, content, piece);
    if (piece.from > held) {
      expectStatus(answer, "put behind a gap", 400);
      return;
    }
    if (!piece.isRight) {
      expectStatus(answer, "put of other bytes", 409);
      if (bytes.length > LIMITS.smallFile) {
        content.upload = { held: 0, at: Date.now() };
      }
      return;
    }
    expectStatus(answer, `put of ${piece.from}-${piece.to} of ${bytes.length}`, 200, 201, 206);
    if (piece.to === bytes.length) {
      expectSame(answer.headers.get("Range"), null, "the range of a complete file");
      content.isThere = true;
      content.upload = null;
      version.progressAt = Date.now();
    } else {
      expectSame(heldOf(answer, bytes.length), piece.to, "what is held of a file");
      content.upload = { held: piece.to, at: Date.now() };
    }
  },
});

function planPiece(how: string, held: number, size: number, fraction: number): Piece {
  // Never the last byte, unless it says so: with it the file is complete.
  const some = Math.min(size, held + 1 + Math.floor(fraction * (size - held - 1)));
  switch (how) {
    case "next":
      return { from: held, to: some, isRight: true };
    case "rest":
      return { from: held, to: size, isRight: true };
    case "overlap":
      return { from: Math.floor(held * fraction), to: size, isRight: true };
    case "gap":
      return held + 1 < size
        ? { from: held + 1, to: size, isRight: true }
        : { from: held, to: size, isRight: true };
    case "wrong":
      return { from: 0, to: size, isRight: false };
    default:
      return { from: 0, to: size, isRight: true };
  }
}

/** Reads all that is left and compares it. */
export async function readEverything(model: Model): Promise<void> {
  for (const artifact of model.artifacts) {
    for (const version of artifact.versions) {
      for (const path of version.files.keys()) {
        await readFile(artifact, version, path, null);
      }
    }
  }
}
