// Who may do what over the Shaken Fist API and in administration: every endpoint as every kind of identity
// (docs/conformance.md, Shaken Fist: the permission model). A new endpoint is a new row of ROUTES.
// SECURITY.md: ASVS 8.1.1, 8.1.2.

import { createHmac, randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { buildDocument } from "../../src/openapi/document.ts";
import { makeUserToken, makeWorkerToken } from "../support/make-token.ts";
import { TEST_SECRETS } from "../support/secrets.ts";
import { startService } from "../support/service.ts";
import type { ArtifactBody, RunningService } from "../support/service.ts";

/** The identities, those first that are refused most. All but `reader` ask for what "owner" has; `reader` asks for
 * what "system" shares with all. */
const IDENTITIES = [
  "nobody",
  "expired", // a token past its time
  "revoked", // a token of a key that is gone
  "stranger", // another workspace
  "friend", // a workspace that the owner trusts
  "reader", // another workspace, of a shared artifact
  "viewer", // users by their role in the owner's workspace
  "contributor",
  "worker",
  "owner",
  "system",
] as const;
type Who = (typeof IDENTITIES)[number];

/** What an identity gets: a status, or 200 with an answer that does not show the subject. */
type Outcome = number | "hidden";

const NO_TOKEN = { nobody: 401, expired: 401, revoked: 401 };
const NO_KEY = { viewer: 403, contributor: 403, worker: 403 };

/** Those who read what "owner" has, or what is shared. */
const READ: Record<Who, Outcome> = {
  ...NO_TOKEN,
  stranger: 404,
  friend: 200,
  reader: 200,
  viewer: 200,
  contributor: 200,
  worker: 200,
  owner: 200,
  system: 200,
};
/** The same for answers that have no 404. */
const LIST: Record<Who, Outcome> = { ...READ, stranger: "hidden" };
const WRITE: Record<Who, Outcome> = {
  ...READ,
  friend: 404,
  reader: 404,
  viewer: 404,
  worker: 404,
};
/** Sharing is for artifacts of system only: those who may write are told so. */
const SHARE: Record<Who, Outcome> = { ...WRITE, contributor: 403, owner: 403, system: 403 };
/** Any workspace's key. */
const KEY: Record<Who, Outcome> = { ...READ, ...NO_KEY, stranger: 200 };
/** A key of a workspace that reads the blob, into its own workspace. */
const CLAIM: Record<Who, Outcome> = { ...READ, ...NO_KEY };
/** The same into the subject's workspace: system's trusts nobody. */
const GIFT: Record<Who, Outcome> = { ...CLAIM, reader: 404 };
/** A new version of what is there. */
const PUSH: Record<Who, Outcome> = { ...GIFT, friend: 404 };
/** Uploads are their workspace's alone. */
const UPLOAD: Record<Who, Outcome> = {
  ...KEY,
  stranger: 404,
  friend: 404,
  reader: 404,
  system: 404,
};
/** Those of users are theirs who may add to the workspace. */
const FILES: Record<Who, Outcome> = {
  ...UPLOAD,
  viewer: 404,
  worker: 403,
  contributor: 204,
  owner: 204,
};
/** A user says for which workspace. */
const NEW_FILE: Record<Who, Outcome> = {
  ...NO_TOKEN,
  worker: 403,
  viewer: 400,
  contributor: 400,
  stranger: 201,
  friend: 201,
  reader: 201,
  owner: 201,
  system: 201,
};
const APPEND_NOTHING = {
  "Tus-Resumable": "1.0.0",
  "Upload-Offset": "0",
  "Content-Type": "application/offset+octet-stream",
};
const DELETE_ALL: Record<Who, Outcome> = {
  ...KEY,
  stranger: 401,
  friend: 401,
  reader: 401,
  owner: 400,
  system: 400,
};

/** The namespace's own key and system's: to all others it does not exist. */
const OWN: Record<Who, Outcome> = { ...CLAIM, friend: 404, reader: 404 };
/** A key of a workspace that holds the blob: those who only read it are told so. */
const HOLD: Record<Who, Outcome> = { ...CLAIM, friend: 403, reader: 403 };
const SYSTEM: Record<Who, Outcome> = {
  ...CLAIM,
  stranger: 401,
  friend: 401,
  reader: 401,
  owner: 401,
};
/** Users have tokens of their own. */
const USER: Record<Who, Outcome> = { ...SYSTEM, viewer: 200, contributor: 200 };
const SOMEBODY: Record<Who, Outcome> = { ...READ, stranger: 200 };
const ANYONE: Record<Who, Outcome> = { ...SOMEBODY, nobody: 200, expired: 200, revoked: 200 };

/** Who is let through to what is not there. */
function absent(outcomes: Record<Who, Outcome>, status: number): Record<Who, Outcome> {
  const entries = Object.entries(outcomes).map(([who, outcome]) => [
    who,
    outcome === 200 ? status : outcome,
  ]);
  return Object.fromEntries(entries) as Record<Who, Outcome>;
}

/** What the requests are about, and who has it. */
interface Subject {
  workspace: string;
  bearer: string;
  artifact: ArtifactBody;
  label: string;
  upload: string;
  sha512: string;
  /** Another blob, and the content of an upload. */
  other: string;
}

interface Route {
  route: string;
  outcomes: Record<Who, Outcome>;
  path: (subject: Subject) => string;
  body?: (subject: Subject, who: Who) => unknown;
  headers?: Record<string, string>;
  /** Does an answer of 200 show the subject? */
  shows?: (answer: string, subject: Subject) => boolean;
  /** What 200 changes, so that the next identity needs a subject of its own. */
  spends?: true;
}

const UNSEEN = "unseen";
const ofArtifact = (verb: string) => (subject: Subject) =>
  `/artifacts/${subject.artifact.uuid}${verb}`;
const label = ({ workspace, label: name }: Subject) => `/label/${workspace}/${name}`;
const upload = (verb: string) => (subject: Subject) => `/upload/${subject.upload}${verb}`;
const inFiles = (subject: Subject) => `/files/${subject.upload}`;
const blob = (verb: string) => (subject: Subject) => `/blobs/${subject.artifact.blob_uuid}${verb}`;
const unused = (prefix: string) => () => `${prefix}/${randomUUID()}`;
const namespace = (rest: string) => (subject: Subject) =>
  `/auth/namespaces/${subject.workspace}${rest}`;
const always = (path: string) => () => path;

/** GET, POST, PUT and DELETE of metadata. */
function metadataRoutes(
  place: string,
  path: (rest: string) => Route["path"],
  reads: Record<Who, Outcome>,
  writes: Record<Who, Outcome>,
): Route[] {
  return [
    { route: `GET ${place}/metadata`, outcomes: reads, path: path("/metadata") },
    {
      route: `POST ${place}/metadata`,
      outcomes: writes,
      path: path("/metadata"),
      body: () => ({ key: "k", value: "v" }),
    },
    {
      route: `PUT ${place}/metadata/:key`,
      outcomes: writes,
      path: path("/metadata/k"),
      body: () => ({ value: "v" }),
    },
    { route: `DELETE ${place}/metadata/:key`, outcomes: writes, path: path("/metadata/k") },
  ];
}

const ROUTES: Route[] = [
  // Before the rows in which others come to hold the blob.
  ...metadataRoutes("/blobs/:uuid", blob, READ, HOLD),
  {
    route: "GET /artifacts",
    outcomes: LIST,
    path: () => "/artifacts",
    shows: (answer, subject) => answer.includes(subject.artifact.uuid),
  },
  {
    route: "DELETE /artifacts",
    outcomes: DELETE_ALL,
    path: () => "/artifacts",
    // Who may do it leaves `confirm` out, and is told so.
    body: ({ workspace }, who) => ({
      namespace: workspace,
      confirm: DELETE_ALL[who] !== 400,
    }),
  },
  { route: "GET /artifacts/:ref", outcomes: READ, path: ofArtifact("") },
  { route: "DELETE /artifacts/:ref", outcomes: WRITE, path: ofArtifact(""), spends: true },
  { route: "GET /artifacts/:ref/versions", outcomes: READ, path: ofArtifact("/versions") },
  {
    route: "POST /artifacts/:ref/versions",
    outcomes: WRITE,
    path: ofArtifact("/versions"),
    body: () => ({ max_versions: 5 }),
  },
  {
    route: "DELETE /artifacts/:ref/versions/:index",
    outcomes: WRITE,
    path: ofArtifact("/versions/1"),
    spends: true,
  },
  { route: "POST /artifacts/:ref/share", outcomes: SHARE, path: ofArtifact("/share") },
  { route: "POST /artifacts/:ref/unshare", outcomes: SHARE, path: ofArtifact("/unshare") },
  { route: "GET /artifacts/:ref/events", outcomes: READ, path: ofArtifact("/events") },
  ...metadataRoutes("/artifacts/:ref", ofArtifact, READ, WRITE),
  {
    route: "PUT /instances/:ref/metadata/:key",
    outcomes: WRITE,
    path: (subject) => `/instances/${subject.artifact.uuid}/metadata/k`,
    body: () => ({ value: "v" }),
  },
  {
    route: "DELETE /instances/:ref/metadata/:key",
    outcomes: WRITE,
    path: (subject) => `/instances/${subject.artifact.uuid}/metadata/k`,
  },
  {
    route: "POST /artifacts/upload/:name of a blob",
    outcomes: CLAIM,
    path: unused("/artifacts/upload"),
    body: (subject) => ({ blob_uuid: subject.artifact.blob_uuid }),
  },
  {
    route: "POST /artifacts/upload/:name of a blob, into the subject's namespace",
    outcomes: GIFT,
    path: unused("/artifacts/upload"),
    body: (subject) => ({
      blob_uuid: subject.artifact.blob_uuid,
      namespace: subject.workspace,
    }),
  },
  {
    route: "POST /artifacts/upload/:name of a blob, onto the subject",
    outcomes: PUSH,
    path: ({ artifact: { name } }) => `/artifacts/upload/${name}`,
    body: ({ other, workspace, artifact: { source_url } }) => ({
      blob_uuid: other,
      namespace: workspace,
      source_url,
    }),
    spends: true,
  },
  {
    route: "POST /label/:name",
    outcomes: CLAIM,
    path: unused("/label"),
    body: (subject) => ({ blob_uuid: subject.artifact.blob_uuid }),
  },
  {
    route: "POST /label/:namespace/:name",
    outcomes: GIFT,
    path: (subject) => `/label/${subject.workspace}/${randomUUID()}`,
    body: (subject) => ({ blob_uuid: subject.artifact.blob_uuid }),
  },
  {
    route: "POST /label/:namespace/:name onto a label",
    outcomes: PUSH,
    path: label,
    body: ({ other }) => ({ blob_uuid: other }),
    spends: true,
  },
  { route: "GET /label/:namespace/:name", outcomes: READ, path: label },
  {
    route: "DELETE /label/:namespace/:name",
    outcomes: WRITE,
    path: label,
    spends: true,
  },
  { route: "POST /files/", outcomes: NEW_FILE, path: always("/files/"), body: () => ({}) },
  { route: "POST /files", outcomes: NEW_FILE, path: always("/files"), body: () => ({}) },
  {
    route: "PUT /files/:upload",
    outcomes: NEW_FILE,
    path: unused("/files"),
    body: () => ({}),
  },
  { route: "GET /files/:upload", outcomes: FILES, path: inFiles },
  {
    route: "PATCH /files/:upload",
    outcomes: FILES,
    path: inFiles,
    headers: APPEND_NOTHING,
    spends: true,
  },
  {
    route: "POST /files/:upload",
    outcomes: FILES,
    path: inFiles,
    headers: { ...APPEND_NOTHING, "X-HTTP-Method-Override": "PATCH" },
    spends: true,
  },
  { route: "DELETE /files/:upload", outcomes: FILES, path: inFiles, spends: true },
  { route: "POST /upload", outcomes: KEY, path: () => "/upload" },
  { route: "GET /upload/:uuid", outcomes: UPLOAD, path: upload("") },
  { route: "POST /upload/:uuid", outcomes: UPLOAD, path: upload("") },
  {
    route: "POST /upload/:uuid/truncate/:offset",
    outcomes: UPLOAD,
    path: upload("/truncate/0"),
  },
  {
    route: "POST /artifacts/upload/:name of an upload",
    outcomes: UPLOAD,
    path: unused("/artifacts/upload"),
    body: (subject) => ({ upload_uuid: subject.upload }),
    spends: true,
  },
  { route: "GET /blobs/:uuid", outcomes: READ, path: blob("") },
  { route: "GET /blobs/:uuid/data", outcomes: READ, path: blob("/data?offset=0") },
  {
    route: "GET /blob_checksums/sha512/:hash",
    outcomes: LIST,
    path: (subject) => `/blob_checksums/sha512/${subject.sha512}`,
    shows: (answer, subject) => answer.includes(subject.artifact.blob_uuid),
  },
  { route: "GET /blobs", outcomes: SYSTEM, path: always("/blobs") },
  {
    // Nothing is fetched: the address is private.
    route: "POST /artifacts",
    outcomes: absent(KEY, 403),
    path: always("/artifacts"),
    body: ({ workspace }) => ({ url: "http://127.0.0.1/", namespace: workspace }),
  },
  { route: "GET /label/:name", outcomes: absent(SOMEBODY, 404), path: unused("/label") },
  { route: "DELETE /label/:name", outcomes: absent(SOMEBODY, 404), path: unused("/label") },
  { route: "GET /auth/namespaces", outcomes: KEY, path: always("/auth/namespaces") },
  {
    route: "POST /auth/namespaces",
    outcomes: absent(SYSTEM, 403),
    path: always("/auth/namespaces"),
    body: () => ({ namespace: "owner" }),
  },
  { route: "GET /auth/namespaces/:namespace", outcomes: OWN, path: namespace("") },
  {
    route: "PATCH /auth/namespaces/:namespace",
    outcomes: SYSTEM,
    path: namespace(""),
    body: () => ({}),
  },
  {
    route: "DELETE /auth/namespaces/:namespace",
    outcomes: absent(SYSTEM, 404),
    path: unused("/auth/namespaces"),
  },
  { route: "GET /auth/namespaces/:namespace/keys", outcomes: OWN, path: namespace("/keys") },
  ...["POST", "PUT"].map((method) => ({
    route: `${method} /auth/namespaces/:namespace/keys`,
    outcomes: absent(OWN, 400),
    path: namespace("/keys"),
    body: () => ({}),
  })),
  {
    route: "PUT /auth/namespaces/:namespace/keys/:key",
    outcomes: absent(OWN, 404),
    path: namespace("/keys/none"),
    body: () => ({}),
  },
  {
    route: "DELETE /auth/namespaces/:namespace/keys/:key",
    outcomes: absent(OWN, 404),
    path: namespace("/keys/none"),
  },
  ...metadataRoutes("/auth/namespaces/:namespace", namespace, OWN, OWN),
  {
    route: "POST /auth/namespaces/:namespace/trust",
    outcomes: OWN,
    path: namespace("/trust"),
    body: () => ({ external_namespace: "friend" }),
  },
  {
    route: "DELETE /auth/namespaces/:namespace/trust/:trusted",
    outcomes: OWN,
    path: namespace("/trust/stranger"),
  },
  {
    route: "GET /auth/namespaces/:namespace/trusted-by",
    outcomes: OWN,
    path: namespace("/trusted-by"),
  },
  ...["PUT", "DELETE"].map((method) => ({
    route: `${method} /auth/namespaces/:namespace/trusted-by/:truster`,
    outcomes: absent(OWN, 404),
    path: namespace("/trusted-by/stranger"),
  })),
  {
    route: "PUT /auth/namespaces/:namespace/members/:user",
    outcomes: absent(SYSTEM, 404),
    path: namespace("/members/none"),
    body: () => ({ role: "viewer" }),
  },
  {
    route: "DELETE /auth/namespaces/:namespace/members/:user",
    outcomes: absent(SYSTEM, 404),
    path: namespace("/members/none"),
  },
  { route: "GET /auth/users", outcomes: SYSTEM, path: always("/auth/users") },
  {
    route: "POST /auth/users",
    outcomes: absent(SYSTEM, 400),
    path: always("/auth/users"),
    body: () => ({}),
  },
  {
    route: "PATCH /auth/users/:name",
    outcomes: absent(SYSTEM, 400),
    path: always("/auth/users/none"),
    body: () => ({}),
  },
  {
    route: "DELETE /auth/users/:name",
    outcomes: absent(SYSTEM, 404),
    path: always("/auth/users/none"),
  },
  { route: "POST /fsck", outcomes: SYSTEM, path: always("/fsck"), body: () => ({}) },
  { route: "GET /auth/tokens", outcomes: USER, path: always("/auth/tokens") },
  {
    route: "POST /auth/tokens",
    outcomes: absent(USER, 400),
    path: always("/auth/tokens"),
    body: () => ({}),
  },
  {
    route: "PATCH /auth/tokens/:id",
    outcomes: absent(USER, 404),
    path: always("/auth/tokens/999999"),
    body: () => ({ enabled: true }),
  },
  {
    route: "DELETE /auth/tokens/:id",
    outcomes: absent(USER, 404),
    path: always("/auth/tokens/999999"),
  },
  { route: "GET /healthz", outcomes: ANYONE, path: always("/healthz") },
  { route: "GET /audit", outcomes: KEY, path: always("/audit") },
  { route: "GET /metrics", outcomes: SYSTEM, path: always("/metrics") },
  ...["GET /instances", "DELETE /instances", "GET /networks", "DELETE /networks", "GET /nodes"].map(
    (route) => ({ route, outcomes: SOMEBODY, path: always(route.replace(/^\S+ /u, "")) }),
  ),
];

/** The operations of this API in the API document, but for those that give tokens to anybody. */
function describedRoutes(): string[] {
  const areas = new Set([
    "Uploads",
    "Resumable uploads",
    "Artifacts",
    "Labels",
    "Blobs",
    "Workspaces",
    "People",
    "Operation",
    "Watching",
    "Not here",
  ]);
  return Object.entries(buildDocument().paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, { tags }]) => areas.has(String(tags)))
      .map(([method]) => shapeOf(`${method.toUpperCase()} ${path}`)),
  );
}

/** A route without the names of its parameters. */
function shapeOf(route: string): string {
  const [method = "", path = ""] = route.split(" ");
  return `${method} ${path.replaceAll(/\{\w+\}|:\w+|\/sha512(?=\/)/gu, (part) => (part === "/sha512" ? "/_" : "_"))}`;
}

let service: RunningService;
let headers: Record<Who, Record<string, string>>;
interface Content {
  blob: string;
  other: string;
  sha512: string;
}
const NOTHING: Content = { blob: UNSEEN, other: UNSEEN, sha512: UNSEEN };
/** By workspace. */
const contents = new Map<string, Content>();
const bearers: Record<string, string> = {};

beforeAll(async () => {
  service = await startService();
  const [owner, friend, stranger] = [
    await service.makeWorkspace("owner"),
    await service.makeWorkspace("friend"),
    await service.makeWorkspace("stranger"),
  ];
  const system = await service.loginAsSystem();
  Object.assign(bearers, { owner, system });
  const trust = { external_namespace: "friend" };
  await service.json("POST", "/auth/namespaces/owner/trust", trust, owner);
  await service.json("PUT", "/auth/namespaces/friend/trusted-by/owner", undefined, friend);
  const [viewer, contributor, worker] = [
    await makeUserToken(service, "viewer", { owner: "viewer" }),
    await makeUserToken(service, "contributor", { owner: "contributor" }),
    await makeWorkerToken(service),
  ];
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
  headers = {
    nobody: {},
    expired: bearer(expiredToken(owner)),
    revoked: bearer(await revokedToken(owner)),
    stranger: bearer(stranger),
    friend: bearer(friend),
    reader: bearer(stranger),
    viewer: { Token: viewer.token },
    contributor: { Token: contributor.token },
    worker: { Token: worker.token },
    owner: bearer(owner),
    system: bearer(system),
  };
  for (const workspace of ["owner", "system"]) {
    const at = bearers[workspace] ?? "";
    const { blob_uuid: uuid } = await service.upload("content", Buffer.from(workspace), at);
    const other = await service.upload("other", Buffer.from(`other ${workspace}`), at);
    // Readers read every version of a shared artifact, and so its blobs.
    const shown = await service.json<{ sha512: string }>("GET", `/blobs/${uuid}`, undefined, at);
    contents.set(workspace, { blob: uuid, other: other.blob_uuid, sha512: shown.sha512 });
    if (workspace === "system") {
      await service.json("POST", `/artifacts/${other.uuid}/share`, undefined, at);
    }
  }
});

afterAll(() => service[Symbol.asyncDispose]());

/** The owner's token as it will be when its time has passed. */
function expiredToken(token: string): string {
  const [head = "", payload = ""] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
  const past = { ...claims, iat: 1_000, nbf: 1_000, exp: 1_900 };
  const signed = `${head}.${Buffer.from(JSON.stringify(past)).toString("base64url")}`;
  const signature = createHmac("sha256", TEST_SECRETS.TOKEN_SECRET).update(signed);
  return `${signed}.${signature.digest("base64url")}`;
}

/** A token of a key of the owner's that is deleted before its first use. */
async function revokedToken(owner: string): Promise<string> {
  const key = { key_name: "second", key: "the second key" };
  await service.json("POST", "/auth/namespaces/owner/keys", key, owner);
  const token = await service.login("owner", key.key);
  await service.json("DELETE", "/auth/namespaces/owner/keys/second", undefined, owner);
  return token;
}

/** What an identity is to ask about; one that was spent is made anew. */
const subjects = new Map<string, Subject>();

function isOfLabel({ route }: Route): boolean {
  return route.includes("/label/:namespace/");
}

function keyOf(who: Who, row: Route): string {
  return `${who === "reader" ? "system" : "owner"} ${isOfLabel(row)}`;
}

async function subjectFor(who: Who, row: Route): Promise<Subject> {
  const key = keyOf(who, row);
  const subject = subjects.get(key) ?? (await makeSubject(who, isOfLabel(row)));
  subjects.set(key, subject);
  return subject;
}

async function makeSubject(who: Who, isLabel: boolean): Promise<Subject> {
  const workspace = who === "reader" ? "system" : "owner";
  const bearer = bearers[workspace] ?? "";
  const { blob: uuid, other, sha512 } = contents.get(workspace) ?? NOTHING;
  const name = randomUUID();
  const path = isLabel ? `/label/${name}` : `/artifacts/upload/${name}`;
  const made = await service.json<ArtifactBody>("POST", path, { blob_uuid: uuid }, bearer);
  if (workspace === "system") {
    await service.json("POST", `/artifacts/${made.uuid}/share`, undefined, bearer);
  }
  const open = isLabel ? UNSEEN : await service.openUpload(bearer);
  return { workspace, bearer, artifact: made, label: name, upload: open, sha512, other };
}

async function send(who: Who, { route, path, body, headers: own }: Route, subject: Subject) {
  const [method = ""] = route.split(" ");
  const init: RequestInit = { method, headers: { ...headers[who], ...own } };
  if (body !== undefined) {
    init.body = JSON.stringify(body(subject, who));
  }
  const response = await service.fetch(path(subject), init);
  return { status: response.status, text: await response.text() };
}

async function ask(who: Who, row: Route): Promise<Outcome> {
  const subject = await subjectFor(who, row);
  const { status, text } = await send(who, row, subject);
  if ((status === 200 || status === 204) && row.spends === true) {
    subjects.delete(keyOf(who, row));
  }
  return status !== 200 || (row.shows?.(text, subject) ?? true) ? status : "hidden";
}

describe("the permission model (T13)", () => {
  it("has a row for every operation", () => {
    const shapes = new Set(ROUTES.map(({ route }) => shapeOf(route)));
    expect(describedRoutes().length).toBeGreaterThan(50);
    expect(describedRoutes().filter((shape) => !shapes.has(shape))).toEqual([]);
  });

  it.each(ROUTES)("holds for $route", async (row) => {
    const outcomes: Partial<Record<Who, Outcome>> = {};
    const askFor = async (who: Who) => {
      outcomes[who] = await ask(who, row);
    };
    if (row.spends === true) {
      for (const who of IDENTITIES) {
        await askFor(who);
      }
    } else {
      await Promise.all(IDENTITIES.map(askFor));
    }
    expect(outcomes).toEqual(row.outcomes);
  });

  it("leaves what it refused to change as it was", async () => {
    const rows = ROUTES.filter(({ outcomes }) => outcomes === WRITE || outcomes === PUSH);
    const changes = rows.filter((row) => !isOfLabel(row));
    const subject = await makeSubject("owner", false);
    const path = `/artifacts/${subject.artifact.uuid}`;
    for (const row of changes) {
      const refused = (["stranger", "friend", "viewer", "worker"] as const).filter(
        (who) => row.outcomes[who] !== 200,
      );
      await Promise.all(refused.map((who) => send(who, row, subject)));
    }
    const after = await service.json("GET", path, undefined, subject.bearer);
    // Others that hold the same blob came and went meanwhile.
    expect(withoutCounts(after as ArtifactBody)).toEqual(withoutCounts(subject.artifact));
    const happened = await service.json("GET", `${path}/events`, undefined, subject.bearer);
    expect(happened).toHaveLength(2);
  });

  it("tells a stranger of what is private as of what is not there", async () => {
    for (const row of ROUTES.filter(({ outcomes }) => outcomes.stranger === 404)) {
      const subject = await subjectFor("stranger", row);
      const never = {
        ...subject,
        upload: randomUUID(),
        label: randomUUID(),
        other: randomUUID(),
        artifact: { ...subject.artifact, uuid: randomUUID(), blob_uuid: randomUUID() },
      };
      const [real, none] = [
        await send("stranger", row, subject),
        await send("stranger", row, never),
      ];
      expect([row.route, comparable(real.text)]).toEqual([row.route, comparable(none.text)]);
    }
  });
});

function withoutCounts({ blobs, ...rest }: ArtifactBody): unknown {
  return [rest, Object.values(blobs).map(({ uuid }) => uuid)];
}

/** A refusal without what names the request. */
function comparable(text: string): unknown {
  if (!text.startsWith("{")) {
    return text;
  }
  const { request_id: _, detail: __, ...rest } = JSON.parse(text) as Record<string, unknown>;
  return rest;
}
