// /a/: who may read, which URLs there are, and what a refusal looks like (docs/conformance.md, `/a/`).

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { addVersion, makeArtifact } from "../support/make-artifact.ts";
import type { MadeArtifact } from "../support/make-artifact.ts";
import { makeExpiredToken, makeUserToken, makeWorkerToken } from "../support/make-token.ts";
import { rawRequest } from "../support/raw-request.ts";
import { startService } from "../support/service.ts";

const FILES = [
  { path: "doc/guide/intro.txt", bytes: Buffer.from("intro") },
  { path: "doc/readme.txt", bytes: Buffer.from("read me") },
  { path: "run.sh", bytes: Buffer.from("exit 0\n") },
];
/** What of an artifact a request may ask for: with the right to read, each of these is there. */
const PLACES = ["", "doc/", "doc/readme.txt", "?archive=tar.gz", "doc/?page=1&version=1"];
const UNKNOWN_UUID = "00000000-0000-4000-8000-000000000000";

let service: Awaited<ReturnType<typeof startService>>;
/** The headers of everyone who may ask. */
let credentials: Record<string, Record<string, string>>;
let hidden: MadeArtifact;
let open: MadeArtifact;

beforeAll(async () => {
  service = await startService();
  const bearer = await service.makeWorkspace("hidden");
  const openBearer = await service.makeWorkspace("open", { public: true });
  hidden = await makeArtifact(service, { workspace: "hidden", bearer }, "hidden", FILES);
  open = await makeArtifact(service, { workspace: "open", bearer: openBearer }, "open", FILES);
  const trusted = await service.makeWorkspace("trusted");
  await service.json(
    "POST",
    "/auth/namespaces/hidden/trust",
    { external_namespace: "trusted" },
    bearer,
  );
  const disabled = await makeWorkerToken(service);
  const system = await service.loginAsSystem();
  await service.json("PATCH", `/auth/tokens/${disabled.id}`, { enabled: false }, system);
  credentials = {
    nobody: {},
    worker: { Token: (await makeWorkerToken(service)).token },
    owner: { Token: (await makeUserToken(service, "olga", { hidden: "owner" })).token },
    contributor: { Token: (await makeUserToken(service, "carl", { hidden: "contributor" })).token },
    viewer: { Token: (await makeUserToken(service, "vera", { hidden: "viewer" })).token },
    stranger: { Token: (await makeUserToken(service, "stan", { open: "owner" })).token },
    unknown: { Token: "f".repeat(64) },
    expired: { Token: (await makeExpiredToken(service)).token },
    disabled: { Token: disabled.token },
    key: { Authorization: `Bearer ${bearer}` },
    otherKey: { Authorization: `Bearer ${openBearer}` },
    trustedKey: { Authorization: `Bearer ${trusted}` },
    systemKey: { Authorization: `Bearer ${system}` },
    badKey: { Authorization: "Bearer not.a.token" },
    basic: { Authorization: "Basic b2xnYTpwYXNzd29yZA==" },
  };
});

afterAll(() => service[Symbol.asyncDispose]());

function get(path: string, headers: HeadersInit = {}): Promise<Response> {
  return service.fetch(path, { headers });
}

async function statuses(artifact: MadeArtifact, who: string, places: string[]): Promise<number[]> {
  const replies = await Promise.all(
    places.map((place) => get(`/a/${artifact.id}/${place}`, credentials[who])),
  );
  await Promise.all(replies.map(async (reply) => reply.body?.cancel()));
  return replies.map(({ status }) => status);
}

/** One status for all places. */
async function statusOf(artifact: MadeArtifact, who: string): Promise<number | number[]> {
  const all = await statuses(artifact, who, PLACES);
  const [first = 0] = all;
  return all.every((status) => status === first) ? first : all;
}

describe("who may read under /a/", () => {
  it.each([
    ["a worker's token", "worker", 200],
    ["an owner's token", "owner", 200],
    ["a contributor's token", "contributor", 200],
    ["a viewer's token", "viewer", 200],
    ["the workspace's own key", "key", 200],
    ["the key of a workspace that it trusts", "trustedKey", 200],
    ["the system's key", "systemKey", 200],
    ["the token of a user who is no member", "stranger", 403],
    ["the key of another workspace", "otherKey", 403],
    ["no credentials", "nobody", 307],
    ["an unknown token", "unknown", 401],
    ["an expired token", "expired", 401],
    ["a disabled token", "disabled", 401],
    ["a bearer token that is none", "badKey", 401],
    ["credentials of another scheme", "basic", 401],
  ])("answers %s on a private artifact with one status everywhere", async (_, who, status) => {
    expect(await statusOf(hidden, who)).toBe(status);
    // Who may not read learns nothing of paths; who may read learns that this one does not exist.
    const [unknown] = await statuses(hidden, who, ["no/such/file"]);
    expect(unknown).toBe(status === 200 ? 404 : status);
  });

  it("shows a public workspace to everyone, whatever their credentials are worth", async () => {
    const seen = await Promise.all(
      Object.keys(credentials).map(async (who) => [who, await statusOf(open, who)]),
    );
    expect(seen.filter(([, status]) => status !== 200)).toEqual([]);
  });

  it("shows a shared artifact of a private workspace to everyone", async () => {
    const bearer = await service.loginAsSystem();
    const home = { workspace: "system", bearer };
    const artifact = await makeArtifact(service, home, "shared", FILES);
    expect(await statusOf(artifact, "stranger")).toBe(403);
    await service.env.DB.prepare("UPDATE artifacts SET shared = 1 WHERE id = ?1")
      .bind(artifact.id)
      .run();
    expect(await statusOf(artifact, "stranger")).toBe(200);
    expect(await statusOf(artifact, "nobody")).toBe(200);
  });

  it.each([
    ["refuses a stranger's Token although the Authorization beside it would do", "stranger", 403],
    ["refuses an unknown Token although the Authorization beside it would do", "unknown", 401],
  ])("%s", async (_, who, status) => {
    const headers = { ...credentials["key"], ...credentials[who] };
    expect((await get(`/a/${hidden.id}/run.sh`, headers)).status).toBe(status);
  });

  it("takes a good Token although the Authorization beside it is worth nothing", async () => {
    const headers = { ...credentials["badKey"], ...credentials["viewer"] };
    expect((await get(`/a/${hidden.id}/run.sh`, headers)).status).toBe(200);
  });

  it("sends nobody to the login page with the whole path and query, encoded once", async () => {
    const path = `/a/${hidden.id}/a%20b/%C3%A9?version=1&page=2&x=%26`;
    const reply = await get(path, { Accept: "text/html" });
    expect(reply.status).toBe(307);
    const location = reply.headers.get("Location") ?? "";
    expect(location).toBe(`/login?next=${encodeURIComponent(path)}`);
    expect(new URL(location, service.origin).searchParams.get("next")).toBe(path);
  });

  it("gives the login page a path of this site to come back to when the URL began with slashes", async () => {
    const reply = await rawRequest(service.origin, `//a/${hidden.id}/run.sh`);
    expect(reply.status).toBe(307);
    expect(reply.headers.location).toBe(
      `/login?next=${encodeURIComponent(`/a/${hidden.id}/run.sh`)}`,
    );
  });

  it.each(["..", "%2e%2E", ".%2e"])(
    "asks for the rights to the artifact in which a path with %s ends up",
    async (up) => {
      const path = `/a/${open.id}/doc/${up}/${up}/${hidden.id}/run.sh`;
      const reply = await rawRequest(service.origin, path);
      expect(reply.status).toBe(307);
      expect(reply.body.includes("exit 0")).toBe(false);
    },
  );

  it("never sends a refused token to the login page", async () => {
    const reply = await get(`/a/${hidden.id}/run.sh`, credentials["unknown"]);
    expect([reply.status, reply.headers.get("Location")]).toEqual([401, null]);
    expect(reply.headers.get("Cache-Control")).toBe("no-store");
  });

  it.each([
    ["a file", 200, "run.sh", "owner", {}],
    ["a part of a file", 206, "run.sh", "owner", { Range: "bytes=0-1" }],
    ["no part of a file", 416, "run.sh", "owner", { Range: "bytes=99-" }],
    ["an unchanged file", 304, "run.sh", "owner", { "If-None-Match": "*" }],
    ["a listing", 200, "", "owner", {}],
    ["an archive", 200, "?archive=tar.gz", "owner", {}],
    ["a redirect to the slash", 301, "doc", "owner", {}],
    ["a redirect to the login page", 307, "", "nobody", {}],
    ["a bad page number", 400, "?page=0", "owner", {}],
    ["a refused token", 401, "", "unknown", {}],
    ["a stranger", 403, "", "stranger", {}],
    ["an unknown path", 404, "no", "owner", {}],
  ])("tells caches that the answer depends on credentials: %s", async (...row) => {
    const [, status, place, who, more] = row;
    const headers = { ...credentials[who], ...more };
    const reply = await rawRequest(service.origin, `/a/${hidden.id}/${place}`, { headers });
    expect(reply.status).toBe(status);
    const vary = (reply.headers.vary ?? "").toLowerCase().split(/, */u);
    expect(vary).toEqual(expect.arrayContaining(["cookie", "token", "authorization"]));
  });

  it("answers 404 to all for an artifact whose time is over, before any sweep", async () => {
    const { bearer } = await makeHome("brief", true);
    const artifact = await makeArtifact(service, { workspace: "brief", bearer }, "brief", FILES);
    const end = Date.now() + 3_000;
    await service.env.DB.prepare("UPDATE artifacts SET expires_at = ?2 WHERE id = ?1")
      .bind(artifact.id, end)
      .run();
    expect(await statusOf(artifact, "nobody")).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, end - Date.now()));
    for (const who of ["nobody", "stranger", "unknown", "worker", "systemKey"]) {
      expect([who, await statusOf(artifact, who)]).toEqual([who, 404]);
    }
    expect((await get(`/a/${artifact.uuid}/`, { Authorization: `Bearer ${bearer}` })).status).toBe(
      404,
    );
  });
});

async function makeHome(workspace: string, isPublic: boolean) {
  return { workspace, bearer: await service.makeWorkspace(workspace, { public: isPublic }) };
}

describe("the URLs of /a/", () => {
  it("finds an artifact by its id and by its uuid in either case", async () => {
    for (const id of [open.id, open.uuid, open.uuid.toUpperCase()]) {
      const reply = await get(`/a/${id}/doc/readme.txt`);
      expect([reply.status, await reply.text()]).toEqual([200, "read me"]);
    }
  });

  it.each([
    ["an id that nothing has", "/a/999999/"],
    ["an id of twenty digits", "/a/99999999999999999999/"],
    ["the id 0", "/a/0/"],
    ["an id with a sign", "/a/-1/"],
    ["a name", "/a/open/"],
    ["a uuid that nothing has", `/a/${UNKNOWN_UUID}/`],
    ["an id without its slash that nothing has", "/a/999999"],
    ["no id", "/a/"],
    ["no id and no slash", "/a"],
    ["a file of an unknown artifact", "/a/999999/run.sh"],
  ])("answers 404 to %s", async (_, path) => {
    expect((await get(path, credentials["worker"])).status).toBe(404);
  });

  it.each([
    ["an unknown file", "no.txt"],
    ["an unknown file in a folder", "doc/no.txt"],
    ["an unknown folder", "no/"],
    ["a folder whose name only begins like it", "do/"],
    ["the same without the slash", "do"],
    ["a folder in another case", "DOC/"],
    ["a file with a slash behind it", "run.sh/"],
    ["a path that goes on behind a file", "run.sh/more"],
    ["two slashes in a row", "doc//readme.txt"],
    ["a slash for a folder", "/"],
    ["an encoded slash between folder and file", "doc%2Freadme.txt"],
    ["an encoded slash behind a folder", "doc%2F"],
    ["a path with a NUL", "doc/%00"],
    ["a path longer than any name", "x".repeat(4000)],
    ["a pattern", "doc/%25"],
    ["an archive of an unknown folder", "no/?archive=tar.gz"],
    ["a page of an unknown folder", "no/?page=1"],
  ])("answers 404 to %s", async (_, path) => {
    expect((await get(`/a/${open.id}/${path}`)).status).toBe(404);
  });

  it.each(["%", "%f", "%zz", "%FF", "%ED%A0%80", "doc/%C3.txt"])(
    "answers 400 to %s in a path, which is no UTF-8",
    async (path) => {
      const reply = await rawRequest(service.origin, `/a/${open.id}/${path}`);
      expect(reply.status).toBe(400);
    },
  );

  it.each([
    ["the artifact", () => `/a/${open.id}`, () => `/a/${open.id}/`],
    ["the artifact by its uuid", () => `/a/${open.uuid}`, () => `/a/${open.id}/`],
    ["a folder", () => `/a/${open.id}/doc/guide`, () => `/a/${open.id}/doc/guide/`],
  ])(
    "redirects from %s without its slash to the one with it, the query kept",
    async (_, from, to) => {
      for (const query of ["", "?archive=tar.gz&version=1", "?page=2&x=%2F%26"]) {
        const reply = await get(from() + query);
        expect([reply.status, reply.headers.get("Location")]).toEqual([301, to() + query]);
      }
    },
  );

  it("lets no cache keep a redirect for a version that does not have the folder any more", async () => {
    const home = await makeHome("moving", true);
    const artifact = await makeArtifact(service, home, "moving", [
      { path: "doc/readme.txt", bytes: Buffer.from("read me") },
    ]);
    const before = await get(`/a/${artifact.id}/doc`);
    expect([before.status, before.headers.get("Cache-Control")]).toEqual([301, "no-cache"]);
    await addVersion(service, home, artifact, [{ path: "doc", bytes: Buffer.from("a file now") }]);
    expect(await (await get(`/a/${artifact.id}/doc`)).text()).toBe("a file now");
  });

  it("shows the newest version unless another is asked for", async () => {
    const home = await makeHome("versions", true);
    const artifact = await makeArtifact(service, home, "log", [
      { path: "log.txt", bytes: Buffer.from("one") },
      { path: "only-one.txt", bytes: Buffer.from("one") },
    ]);
    await addVersion(service, home, artifact, [{ path: "log.txt", bytes: Buffer.from("two") }]);
    const log = `/a/${artifact.id}/log.txt`;
    const texts = await Promise.all(
      ["", "?version=1", "?version=2", "?version=01"].map(async (query) =>
        (await get(log + query)).text(),
      ),
    );
    expect(texts).toEqual(["two", "one", "two", "one"]);
    expect((await get(`/a/${artifact.id}/only-one.txt`)).status).toBe(404);
    expect((await get(`/a/${artifact.id}/only-one.txt?version=1`)).status).toBe(200);
    const page = await (await get(`/a/${artifact.id}/?version=1`)).text();
    expect(page).toContain(`href="${log.replace("log.txt", "only-one.txt")}?version=1"`);
  });

  it("answers 404 to a version that was deleted, and shows the newest of those that were not", async () => {
    const home = await makeHome("pruned", true);
    const artifact = await makeArtifact(service, home, "log", [
      { path: "log.txt", bytes: Buffer.from("one") },
    ]);
    await addVersion(service, home, artifact, [{ path: "log.txt", bytes: Buffer.from("two") }]);
    const end = service.env.DB.prepare(
      "UPDATE versions SET deleted_at = 1 WHERE artifact_id = ?1 AND version_index = ?2",
    );
    service.tampered?.add("sweep_behind");
    await end.bind(artifact.id, 2).run();
    expect((await get(`/a/${artifact.id}/log.txt?version=2`)).status).toBe(404);
    expect(await (await get(`/a/${artifact.id}/log.txt`)).text()).toBe("one");
    await end.bind(artifact.id, 1).run();
    expect((await get(`/a/${artifact.id}/`)).status).toBe(404);
  });

  it.each([
    ["?version=2", 404],
    ["?version=9007199254740991", 404],
    ["?version=0", 400],
    ["?version=-1", 400],
    ["?version=abc", 400],
    ["?version=1.5", 400],
    ["?version=", 400],
    ["?version=99999999999999999999", 400],
    ["?page=2", 404],
    ["?page=9007199254740991", 404],
    ["?page=0", 400],
    ["?page=-1", 400],
    ["?page=abc", 400],
    ["?page=1e0", 400],
    ["?page=", 400],
    ["?page=%00", 400],
  ])("answers %s with %i", async (query, status) => {
    for (const accept of ["text/html", "application/json"]) {
      expect((await get(`/a/${open.id}/${query}`, { Accept: accept })).status).toBe(status);
    }
  });

  it.each([
    "?archive=",
    "?archive",
    "?archive=rar",
    "?archive=ZIP",
    "?archive=tar.xz",
    "?archive=TAR.GZ",
  ])("answers 400 to %s and names what is supported", async (query) => {
    for (const folder of ["", "doc/"]) {
      const reply = await get(`/a/${open.id}/${folder}${query}`);
      expect([reply.status, await reply.text()]).toEqual([
        400,
        expect.stringContaining("archive=tar.gz, archive=tar, archive=zip"),
      ]);
    }
  });

  it("ignores parameters that it does not know", async () => {
    expect((await get(`/a/${open.id}/?utm_source=mail&sort=size`)).status).toBe(200);
  });
});

describe("methods under /a/", () => {
  const places = ["", "/", "/doc/", "/run.sh", "/no/such"];

  it.each(["POST", "PUT", "PATCH", "DELETE"])("answers %s with 405 and Allow", async (method) => {
    for (const place of places) {
      const reply = await service.fetch(`/a/${open.id}${place}`, { method });
      expect([place, reply.status]).toEqual([place, 405]);
      expect(reply.headers.get("Allow")).toBe("GET, HEAD, OPTIONS");
    }
  });

  it("answers OPTIONS with 204, Allow and no body", async () => {
    for (const place of places) {
      const reply = await rawRequest(service.origin, `/a/${open.id}${place}`, {
        method: "OPTIONS",
      });
      expect([reply.status, reply.headers.allow, reply.body.length]).toEqual([
        204,
        "GET, HEAD, OPTIONS",
        0,
      ]);
    }
  });

  it("answers HEAD of a listing like GET, without the body", async () => {
    const path = `/a/${open.id}/doc/`;
    const headers = { Accept: "application/json" };
    const head = await rawRequest(service.origin, path, { method: "HEAD", headers });
    const whole = await rawRequest(service.origin, path, { headers });
    expect([head.status, head.body.length]).toEqual([200, 0]);
    for (const name of ["content-type", "cache-control", "content-security-policy", "vary"]) {
      expect([name, head.headers[name]]).toEqual([name, whole.headers[name]]);
    }
    const lost = await rawRequest(service.origin, `${path}no`, { method: "HEAD" });
    expect([lost.status, lost.body.length]).toEqual([404, 0]);
  });
});

describe("refusals under /a/", () => {
  const lost = () => `/a/${open.id}/no/such?x=<script>`;

  it("are a page for people", async () => {
    const reply = await get(lost(), { Accept: "text/html,application/xhtml+xml,*/*;q=0.8" });
    expect(reply.status).toBe(404);
    expect(reply.headers.get("Content-Type")).toMatch(/^text\/html/u);
    const page = await reply.text();
    expect(page).toMatch(/^<!doctype html>/u);
    expect(page).not.toContain("<script>");
  });

  it("are a line or two of text for tools that take anything", async () => {
    const reply = await get(lost(), { Accept: "*/*" });
    expect(reply.headers.get("Content-Type")).toMatch(/^text\/plain/u);
    expect(await reply.text()).toMatch(/^[^<{].*no\/such.*\n/u);
  });

  it("are JSON for those who ask for it", async () => {
    const reply = await get(lost(), { Accept: "application/json" });
    expect(reply.headers.get("Content-Type")).toMatch(/^application\/json/u);
    expect(await reply.json()).toMatchObject({
      error: expect.any(String),
      status: 404,
      detail: "'no/such'",
      request_id: reply.headers.get("X-Request-Id"),
    });
  });

  it.each(["text/html", "*/*", "application/json"])(
    "tell nothing of the program that runs here (Accept: %s)",
    async (accept) => {
      const replies = await Promise.all([
        get(lost(), { Accept: accept }),
        get(`/a/${open.id}/%`, { Accept: accept }),
        get(`/a/${hidden.id}/`, { Accept: accept, ...credentials["stranger"] }),
        get(`/a/${hidden.id}/`, { Accept: accept, ...credentials["unknown"] }),
        get(`/a/${open.id}/?archive=rar`, { Accept: accept }),
      ]);
      for (const reply of replies) {
        const text = await reply.text();
        expect(text).not.toMatch(/\bat \S+ \(|\.tsx?\b|node_modules|AppError|SQLITE/u);
        expect(reply.headers.get("Cache-Control")).toBe("no-store");
      }
    },
  );

  it("write a hostile path out harmlessly on the page", async () => {
    const path = `/a/${open.id}/${encodeURIComponent("<script>alert(1)\u202Egpj")}`;
    const page = await (await get(path, { Accept: "text/html" })).text();
    expect(page).not.toContain("<script");
    expect(page).not.toContain("\u202E");
    expect(page).toContain("&lt;script&gt;");
  });
});

describe("pages under /a/", () => {
  it.each([
    ["a listing", 200, () => `/a/${open.id}/`],
    ["a refusal", 404, () => `/a/${open.id}/no`],
  ])("run no script and are framed by nobody: %s", async (_, status, path) => {
    const reply = await get(path(), { Accept: "text/html" });
    expect(reply.status).toBe(status);
    const policy = (reply.headers.get("Content-Security-Policy") ?? "").split(/; */u);
    expect(policy).toEqual(
      expect.arrayContaining(["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"]),
    );
    expect(policy.some((rule) => rule.startsWith("script-src"))).toBe(false);
    expect(reply.headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(reply.headers.get("Referrer-Policy")).toBe("no-referrer");
    expect(reply.headers.get("X-Request-Id")).toMatch(/^[0-9a-f-]{36}$/u);
    const page = await reply.text();
    expect(page).not.toMatch(/<script|<style| style=| on[a-z]+=|javascript:/u);
  });
});
