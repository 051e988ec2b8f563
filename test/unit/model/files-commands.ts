// What clients of tus do under /files/. An upload becomes the artifact of its name by itself, or a part of another.

import * as fc from "fast-check";

import { hexDigest } from "../support/bytes.ts";
import { calls } from "../support/calls.ts";
import { ask, expectSame, expectStatus, noteRepeat } from "./ask.ts";
import { command, isFaultOrdered } from "./command.ts";
import { addVersion, contentOf, findNamed, foresee, pick, usedBy, IDLE } from "./model.ts";
import type { FilesUpload, Model } from "./model.ts";
import { wakeUnknown } from "./platform-commands.ts";
import { jsonOf } from "./service.ts";
import type { Answer, Client, Sent } from "./service.ts";
import { cutBody, expectVersions, lengthOf, lengths } from "./upload-commands.ts";
import type { ArtifactReply } from "./upload-commands.ts";

const TUS = { "Tus-Resumable": "1.0.0" };
const TYPE = { "Content-Type": "application/offset+octet-stream" };
const any = fc.nat(99);
const names = fc.constantFrom("tide", "ebb");
const hasFiles = ({ files }: Model) => files.length > 0;

/** Does an answer leave open what happened? A refusal of the catalog is told as 413. */
function isUnclear({ status }: Answer): boolean {
  return status >= 500 || status === 423;
}

/** A request that may be repeated, until its answer is clear. */
async function settle(client: Client, path: string, sent: Sent): Promise<Answer> {
  for (let round = 1; ; round += 1) {
    const answer = await ask(client, path, sent);
    if (!isUnclear(answer)) {
      return answer;
    }
    noteRepeat(round, answer);
  }
}

function head({ client, path }: FilesUpload): Promise<Answer> {
  return settle(client, path, { method: "HEAD", headers: TUS });
}

/** The metadata by which an upload becomes what a conversion of that name does. */
function metadataOf(name: string): Record<string, string> {
  return { "Upload-Metadata": `filename ${btoa(name)},artifact_type ${btoa("image")}` };
}

function roomOf(model: Model, client: Client): number {
  return client.quota === null ? Infinity : client.quota - usedBy(model, client);
}

export const createByTus = command("create by tus", {
  weight: 8,
  args: fc.record({ client: any, length: lengths, name: names, isPart: fc.boolean() }),
  ready: ({ files }) => files.length < 5,
  async run(model, { isPart, ...args }) {
    const client = pick(model.clients, args.client);
    const [drawn, room] = [lengthOf(args.length), roomOf(model, client)];
    const name = isPart ? null : args.name;
    // An empty file that was opened by an answer that got lost is published by the alarm, which no model foresees.
    const length = name !== null && isFaultOrdered() ? Math.max(drawn, 1) : drawn;
    const headers = {
      ...TUS,
      "Upload-Length": String(length),
      ...(name === null ? { "Upload-Concat": "partial" } : metadataOf(name)),
    };
    // What an answer that was lost opened nobody knows: it ends by itself.
    const answer = await settle(client, "/files/", { method: "POST", headers });
    const isRefused = length > room || room <= 0;
    expectStatus(answer, `create by tus of ${length}`, isRefused ? 413 : 201);
    if (isRefused) {
      return;
    }
    const upload = opened(client, answer, { length, name });
    model.files.push(upload);
    if (name !== null && length === 0) {
      await expectPublished(model, upload, name);
    }
  },
});

function opened(
  client: Client,
  { headers }: Answer,
  of: Pick<FilesUpload, "length" | "name">,
): FilesUpload {
  const path = new URL(headers.get("Location") ?? "").pathname;
  const uuid = path.split("/").at(-1) ?? "";
  const bytes = new Uint8Array();
  return { client, path, uuid, bytes, room: null, lastAt: Date.now(), ...of };
}

/** The version that a complete upload becomes, or that there is no room for it. */
async function expectPublished(model: Model, upload: FilesUpload, name: string): Promise<void> {
  const { client, uuid, bytes, length } = upload;
  const foreseen = foresee(model, client, name, bytes);
  const answer = await head(upload);
  if (foreseen === "refused") {
    expectStatus(answer, "a complete upload without room", 413);
    await end(upload);
    forget(model, upload);
    return;
  }
  expectStatus(answer, "a complete upload", 200);
  expectSame(answer.headers.get("Upload-Offset"), String(length), "the offset of all of it");
  const id = Number(answer.headers.get("Stowage-Artifact"));
  const there = findNamed(model, client, name);
  const artifact =
    foreseen === "repeated" && there !== null
      ? there
      : addVersion(model, client, { name, id, uuid: await uuidOf(client, name) }, bytes);
  expectSame(id, artifact.id, "the artifact that an upload became");
  const version = artifact.versions.at(-1)?.index;
  expectSame(Number(answer.headers.get("Stowage-Version")), version, "and its version");
  forget(model, upload);
  model.converted.push({ client, uuid, name, artifactUuid: artifact.uuid, at: Date.now() });
}

async function uuidOf(client: Client, name: string): Promise<string> {
  const answer = await settle(client, "/artifacts", {});
  const listed = jsonOf(answer) as { name: string; uuid: string }[];
  return listed.find((each) => each.name === name)?.uuid ?? "";
}

function forget(model: Model, upload: FilesUpload): void {
  model.files.splice(model.files.indexOf(upload), 1);
}

/** A repeat of a termination that was done finds nothing. */
async function end({ client, path }: FilesUpload): Promise<void> {
  const ended = await settle(client, path, { method: "DELETE", headers: TUS });
  expectStatus(ended, "termination", 204, 404);
  expectStatus(await settle(client, path, { method: "HEAD", headers: TUS }), "ended", 404);
}

type Guard = "none" | "right" | "wrong";

interface PatchArgs {
  upload: number;
  seed: number;
  /** How much of what is missing, in percent; more than 100: too much. */
  share: number;
  offset: "right" | "wrong";
  checksum: Guard;
  body: "whole" | "short" | "broken";
}

export const patch = command("PATCH", {
  weight: 20,
  args: fc.record<PatchArgs>({
    upload: any,
    seed: fc.nat(2),
    share: fc.constantFrom(0, 10, 50, 100, 100, 100, 120),
    offset: fc.constantFrom("right", "right", "right", "right", "wrong"),
    checksum: fc.constantFrom("none", "none", "none", "right", "wrong"),
    body: fc.constantFrom("whole", "whole", "whole", "whole", "short", "broken"),
  }),
  ready: hasFiles,
  async run(model, args) {
    const upload = pick(model.files, args.upload);
    const missing = upload.length - upload.bytes.length;
    const content = contentOf(model, args.seed, upload.length + Math.ceil(missing / 5));
    const from = upload.bytes.length;
    const data = content.subarray(from, from + Math.ceil((missing * args.share) / 100));
    await patchBy(model, upload, data, args);
  },
});

/** What the service must say to a PATCH that arrives, and how many of its bytes count at least and at most. */
function foreseePatch(
  upload: FilesUpload,
  { length }: Uint8Array,
  args: PatchArgs,
): { statuses: number[]; least: number; most: number } {
  const none = (...statuses: number[]) => ({ statuses, least: 0, most: 0 });
  const isCut = args.body !== "whole" && length > 0;
  if (args.offset === "wrong") {
    return none(409);
  }
  if (upload.bytes.length + length > upload.length) {
    return none(413);
  }
  if (args.checksum !== "none" && length > 0) {
    // All or nothing.
    return isCut
      ? none(503)
      : args.checksum === "wrong"
        ? none(460)
        : { statuses: [204], least: length, most: length };
  }
  return isCut
    ? { statuses: [503], least: 0, most: Math.floor(length / 2) }
    : { statuses: [204], least: length, most: length };
}

async function patchRequest(
  { bytes }: FilesUpload,
  data: Uint8Array,
  args: PatchArgs,
): Promise<Sent> {
  const headers: Record<string, string> = {
    ...TUS,
    ...TYPE,
    "Content-Length": String(data.length),
    "Upload-Offset": String(bytes.length + (args.offset === "wrong" ? 1 : 0)),
  };
  if (args.checksum !== "none" && data.length > 0) {
    const summed = args.checksum === "wrong" ? data.subarray(1) : data;
    const sum = Uint8Array.fromHex(await hexDigest("SHA-256", summed)).toBase64();
    headers["Upload-Checksum"] = `sha256 ${sum}`;
  }
  const isWhole = args.body === "whole" || data.length === 0;
  return { method: "PATCH", headers, body: isWhole ? data : cutBody(data, args.body) };
}

async function patchBy(
  model: Model,
  upload: FilesUpload,
  sent: Uint8Array,
  args: PatchArgs,
): Promise<void> {
  const { statuses, least, most } = foreseePatch(upload, sent, args);
  const before = upload.bytes.length;
  const isLast = before + least === upload.length && upload.name !== null;
  const answer = await ask(upload.client, upload.path, await patchRequest(upload, sent, args));
  if (!isUnclear(answer)) {
    const wanted = isLast ? [...statuses, 413] : statuses;
    expectStatus(answer, `PATCH of ${sent.length} at ${before}`, ...wanted);
  }
  const isDone = answer.status === 204;
  if (isDone) {
    expectSame(answer.headers.get("Upload-Offset"), String(before + least), "the offset told");
  }
  await goOn(model, upload, sent, { least, most, told: isDone ? least : 0 });
}

/** Asks where the upload is, and sends again what is missing of the first `least` of the bytes that were sent; up to `most` of
 * them may be there, and those must be that the client was told of. */
async function goOn(
  model: Model,
  upload: FilesUpload,
  sent: Uint8Array,
  { least, most, told }: { least: number; most: number; told: number },
): Promise<void> {
  const before = upload.bytes.length;
  for (let round = 1; ; round += 1) {
    const answer = await head(upload);
    const arrived = arrivedIn(answer, upload, before + least);
    if (arrived < told || arrived > most) {
      throw new Error(`${arrived} of ${most} bytes are there, and ${told} were told`);
    }
    if (arrived >= least) {
      const expires = answer.headers.get("Upload-Expires");
      upload.bytes = joined(upload.bytes, sent.subarray(0, arrived));
      upload.lastAt = expires === null ? upload.lastAt : Date.parse(expires) - IDLE;
      break;
    }
    noteRepeat(round, answer);
    const headers = { ...TUS, ...TYPE, "Upload-Offset": String(before + arrived) };
    const body = sent.subarray(arrived, least);
    await ask(upload.client, upload.path, { method: "PATCH", headers, body });
  }
  if (upload.name !== null && upload.bytes.length === upload.length) {
    await expectPublished(model, upload, upload.name);
  }
}

/** How many bytes arrived, as HEAD says; where the catalog refuses a complete upload it says that. */
function arrivedIn(answer: Answer, { bytes, length }: FilesUpload, wanted: number): number {
  if (answer.status === 413 && wanted === length) {
    return length - bytes.length;
  }
  expectStatus(answer, "HEAD", 200);
  return Number(answer.headers.get("Upload-Offset")) - bytes.length;
}

function joined(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export const look = command("HEAD", {
  weight: 3,
  args: fc.record({ upload: any }),
  ready: hasFiles,
  async run(model, args) {
    const upload = pick(model.files, args.upload);
    const answer = await head(upload);
    expectStatus(answer, "HEAD", 200);
    const told = ["Upload-Offset", "Upload-Length", "Stowage-Artifact"].map((name) =>
      answer.headers.get(name),
    );
    const wanted = [String(upload.bytes.length), String(upload.length), null];
    expectSame(told, wanted, "what HEAD tells of an open upload");
  },
});

export const terminate = command("terminate", {
  weight: 2,
  args: fc.record({ upload: any }),
  ready: hasFiles,
  async run(model, args) {
    const upload = pick(model.files, args.upload);
    await end(upload);
    forget(model, upload);
  },
});

function completeParts({ files }: Model): FilesUpload[] {
  return files.filter(({ name, bytes, length }) => name === null && bytes.length === length);
}

export const join = command("final concatenation", {
  weight: 12,
  args: fc.record({ parts: fc.array(any, { minLength: 1, maxLength: 3 }), name: names }),
  ready: (model) => completeParts(model).length > 0,
  async run(model, { parts: picks, name }) {
    const all = completeParts(model);
    const { client } = pick(all, picks[0] ?? 0);
    const own = all.filter((part) => part.client === client);
    await joinParts(
      model,
      picks.map((index) => pick(own, index)),
      { client, name },
    );
  },
});

async function joinParts(
  model: Model,
  parts: readonly FilesUpload[],
  { client, name }: { client: Client; name: string },
): Promise<void> {
  const bytes = joined(...parts.map((part) => part.bytes));
  const room = roomOf(model, client);
  const isRefused = bytes.length > room || room <= 0;
  const concat = `final;${parts.map(({ path }) => path).join(" ")}`;
  const headers = { ...TUS, "Upload-Concat": concat, ...metadataOf(name) };
  const sent = { method: "POST", headers };
  let answer = await ask(client, "/files/", sent);
  for (let round = 1; isUnclear(answer) && !(await areTaken(model, parts)); round += 1) {
    noteRepeat(round, answer);
    answer = await ask(client, "/files/", sent);
  }
  if (!isUnclear(answer)) {
    expectStatus(answer, "final concatenation", isRefused ? 413 : 201);
  }
  if (isRefused) {
    return;
  }
  for (const part of new Set(parts)) {
    forget(model, part);
  }
  if (isUnclear(answer)) {
    await expectNewest(model, client, name, bytes); // by an upload whose address nobody was told
    return;
  }
  const upload = { ...opened(client, answer, { length: bytes.length, name }), bytes };
  model.files.push(upload);
  await awaitEnd(model, upload);
  await expectPublished(model, upload, name);
}

/** Did an upload whose address was lost become theirs? It goes on by itself. */
async function areTaken(model: Model, parts: readonly FilesUpload[]): Promise<boolean> {
  calls.heal();
  await wakeUnknown(model);
  const [first] = parts;
  return first !== undefined && (await head(first)).status === 404;
}

async function awaitEnd(model: Model, upload: FilesUpload): Promise<void> {
  for (let round = 1; (await head(upload)).headers.get("Stowage-Artifact") === null; round += 1) {
    noteRepeat(round, { status: 423, headers: new Headers(), body: new Uint8Array() });
    await wakeUnknown({ ...model, files: model.files.filter((each) => each !== upload) });
  }
}

async function expectNewest(
  model: Model,
  client: Client,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const answer = await settle(client, "/artifacts", {});
  const listed = jsonOf(answer) as ArtifactReply[];
  const reply = listed.find((each) => each.name === name);
  if (reply === undefined) {
    throw new Error(`Joined, and there is no artifact '${name}'`);
  }
  const isRepeat = foresee(model, client, name, bytes) === "repeated";
  const there = findNamed(model, client, name);
  expectVersions(
    reply,
    isRepeat && there !== null ? there : addVersion(model, client, reply, bytes),
  );
}

/** What is open is sent to its end, and parts are ended. */
export async function endUpload(model: Model, upload: FilesUpload): Promise<void> {
  if (upload.name === null) {
    await end(upload);
    forget(model, upload);
    return;
  }
  const rest = contentOf(model, 0, upload.length).subarray(upload.bytes.length);
  const args = { upload: 0, seed: 0, share: 100, offset: "right", checksum: "none", body: "whole" };
  await patchBy(model, upload, rest, args as PatchArgs);
}
