// Whose things answer to a bare name, stand in lists and are noted on blobs: one's own, and those of workspaces whose
// trust one accepted. A stranger's trust shows nothing of itself. Over every look-up by name of the API document.
// SECURITY.md: T39.

import { randomBytes, randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { buildDocument } from "../../src/openapi/document.ts";
import { refusalOf, valueOf } from "../support/answers.ts";
import { makeUserToken } from "../support/make-token.ts";
import { startService } from "../support/service.ts";
import type { ArtifactBody, RunningService } from "../support/service.ts";

/** Operations whose `{ref}` may be a bare name. */
const BY_NAME = Object.entries(buildDocument().paths)
  .filter(([path]) => path.includes("{ref}"))
  .flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );

/** What suits each of them that has a body. */
const BODIES: Record<string, object> = {
  "POST /artifacts/{ref}/versions": { max_versions: 3 },
  "POST /artifacts/{ref}/metadata": { key: "k", value: "v" },
  "PUT /artifacts/{ref}/metadata/{key}": { value: "v" },
  "PUT /instances/{ref}/metadata/{key}": { value: "v" },
};

let service: RunningService;
let system: string;
let victim: string;
let strangers: Record<"one" | "two" | "open", string>;

beforeAll(async () => {
  service = await startService();
  system = await service.loginAsSystem();
  victim = await service.makeWorkspace("victim");
  strangers = {
    one: await service.makeWorkspace("one"),
    two: await service.makeWorkspace("two"),
    open: await service.makeWorkspace("open", { public: true }),
  };
  await trust("one");
  await trust("two");
});

afterAll(() => service[Symbol.asyncDispose]());

/** A stranger trusts the victim, who was not asked. */
async function trust(name: "one" | "two", how = "POST"): Promise<unknown> {
  const path = `/auth/namespaces/${name}/trust`;
  return how === "POST"
    ? service.json("POST", path, { external_namespace: "victim" }, strangers[name])
    : service.json("DELETE", `${path}/victim`, undefined, strangers[name]);
}

function accept(name: "one" | "two", how: "PUT" | "DELETE" = "PUT"): Promise<unknown> {
  return service.json(how, `/auth/namespaces/victim/trusted-by/${name}`, undefined, victim);
}

function publish(name: string, bearer: string): Promise<ArtifactBody> {
  return service.upload(name, randomBytes(8), bearer);
}

function ask(operation: string, ref: string, bearer = victim): Promise<Response> {
  const [method = "", path = ""] = operation.split(" ");
  const address = path.replace("{ref}", ref).replace("{key}", "k").replace("{index}", "1");
  return service.send(method, address, BODIES[operation], bearer);
}

/** Status and body, without what names the request. */
async function comparable(reply: Promise<Response>, name: string): Promise<unknown> {
  const response = await reply;
  const text = (await response.text()).replaceAll(name, "*");
  return [response.status, text.replaceAll(/"request_id":"[^"]*"/gu, "")];
}

describe("a bare name (M6)", () => {
  it("is taken by many operations", () => {
    expect(BY_NAME.length).toBeGreaterThan(10);
  });

  it.each(BY_NAME)("that only strangers have is nobody's: %s", async (operation) => {
    const [name, none] = [randomUUID(), randomUUID()].map((uuid) => `name-${uuid}`) as [
      string,
      string,
    ];
    const absent = await comparable(ask(operation, none), none);
    expect(absent).toEqual([404, expect.anything()]);
    await publish(name, strangers.one);
    expect(await comparable(ask(operation, name), name)).toEqual(absent);
    await publish(name, strangers.two);
    expect(await comparable(ask(operation, name), name)).toEqual(absent);
  });

  it.each(BY_NAME)("that is one's own is never another's: %s", async (operation) => {
    const name = `name-${randomUUID()}`;
    const foreign = await Promise.all(
      Object.values(strangers).map((bearer) => publish(name, bearer)),
    );
    const own = await publish(name, victim);
    await accept("one");
    const response = await ask(operation, name);
    expect([200, 403]).toContain(response.status); // sharing is for artifacts of system
    const text = await response.text();
    for (const { uuid } of foreign) {
      expect(text).not.toContain(uuid);
    }
    const now = await valueOf<ArtifactBody>(
      service.fetch(`/artifacts/${own.uuid}`, { bearer: victim }),
    );
    const theirs = (await valueOf(
      service.fetch(`/artifacts/${foreign[0]?.uuid}`, { bearer: strangers.one }),
    )) as ArtifactBody;
    expect(theirs).toMatchObject({ state: "created", metadata: {} });
    expect(now.namespace).toBe("victim");
    await accept("one", "DELETE");
  });

  it("is that of an accepted workspace, by its ids before that, and ends with the acceptance", async () => {
    const name = `name-${randomUUID()}`;
    const made = await publish(name, strangers.one);
    const show = (ref: string) => service.fetch(`/artifacts/${ref}`, { bearer: victim });
    expect(await valueOf(show(made.uuid))).toEqual(made);
    expect((await service.fetch(`/a/${made.id}/`, { bearer: victim })).status).toBe(200);
    expect((await refusalOf(show(name)))[0]).toBe(404);
    for (const _ of [1, 2]) {
      expect(await accept("one")).toEqual({ namespace: "one", accepted: true });
      expect(await valueOf(show(name))).toEqual(made);
    }
    await trust("one"); // a repeat takes nothing back
    expect(await valueOf(show(name))).toEqual(made);
    for (const _ of [1, 2]) {
      expect(await accept("one", "DELETE")).toEqual({ namespace: "one", accepted: false });
      expect((await refusalOf(show(name)))[0]).toBe(404);
    }
    await accept("one");
    await trust("one", "DELETE");
    expect((await refusalOf(show(made.uuid)))[0]).toBe(404);
    await trust("one");
    expect(await valueOf(show(made.uuid))).toEqual(made);
    expect((await refusalOf(show(name)))[0]).toBe(404); // given anew, accepted anew
  });

  it("of public workspaces is the oldest one's, whoever takes it later", async () => {
    const name = `name-${randomUUID()}`;
    const first = await publish(name, strangers.open);
    const later = await service.makeWorkspace("open-later", { public: true });
    await publish(name, later);
    const reply = service.fetch(`/artifacts/${name}`, { bearer: victim });
    expect(await valueOf(reply)).toEqual(first);
    const { token } = await makeUserToken(service, "passer-by");
    const headers = { Token: token };
    expect(await valueOf(service.fetch(`/artifacts/${name}`, { headers }))).toEqual(first);
    await accept("two");
    const nearer = await publish(name, strangers.two);
    expect(await valueOf(service.fetch(`/artifacts/${name}`, { bearer: victim }))).toEqual(nearer);
    await accept("two", "DELETE");
  });

  it("is ambiguous only among those that were accepted", async () => {
    const name = `name-${randomUUID()}`;
    await publish(name, strangers.one);
    const two = await publish(name, strangers.two);
    await accept("two");
    expect(await valueOf(service.fetch(`/artifacts/${name}`, { bearer: victim }))).toEqual(two);
    await accept("one");
    const both = refusalOf(service.fetch(`/artifacts/${name}`, { bearer: victim }));
    expect(await both).toEqual([400, expect.stringMatching(/^multiple artifacts have the name/u)]);
    await accept("one", "DELETE");
    await accept("two", "DELETE");
  });
});

describe("lists and notes (M6)", () => {
  it("tell of a stranger's things once its trust is accepted", async () => {
    const content = randomBytes(16);
    const own = await service.upload("held", content, victim);
    const foreign = await service.upload("held", content, strangers.one);
    expect(foreign.blob_uuid).toBe(own.blob_uuid);
    const note = { value: "security team" };
    const blob = `/blobs/${own.blob_uuid}`;
    await service.json("PUT", `${blob}/metadata/verified-by`, note, strangers.one);
    const relation = { artifact: foreign.id, target: own.id, type: "built-using" };
    await service.json(
      "POST",
      "/auth/namespaces/victim/trust",
      { external_namespace: "one" },
      victim,
    );
    const related = await service.send(
      "POST",
      "/api/1.0/artifact-relation/",
      relation,
      strangers.one,
    );
    expect(related.status).toBe(201);
    const shown = async () => {
      const listed = await service.json<ArtifactBody[]>("GET", "/artifacts", undefined, victim);
      const onBlob = await service.json<{ metadata: object }>("GET", blob, undefined, victim);
      const relations = await service.json<object[]>(
        "GET",
        `/api/1.0/artifact-relation/?target_artifact=${own.id}`,
        undefined,
        victim,
      );
      return {
        lists: listed.some(({ uuid }) => uuid === foreign.uuid),
        notes: Object.keys(onBlob.metadata),
        metadata: await service.json("GET", `${blob}/metadata`, undefined, victim),
        relations: relations.length,
      };
    };
    const nothing = { lists: false, notes: [], metadata: {}, relations: 0 };
    expect(await shown()).toEqual(nothing);
    await accept("one");
    const metadata = { "verified-by": "security team" };
    const all = { lists: true, notes: ["verified-by"], metadata, relations: 1 };
    expect(await shown()).toEqual(all);
    await accept("one", "DELETE");
    expect(await shown()).toEqual(nothing);
    // The owner of what it points at ends a relation, listed or not.
    const { id } = (await related.json()) as { id: number };
    const path = `/api/1.0/artifact-relation/${id}/`;
    expect((await service.send("DELETE", path, undefined, strangers.two)).status).toBe(404);
    expect((await service.send("DELETE", path, undefined, victim)).status).toBe(204);
    expect((await service.send("DELETE", path, undefined, strangers.one)).status).toBe(404);
    await service.json("DELETE", "/auth/namespaces/victim/trust/one", undefined, victim);
  });

  it("holds no note of a merely public workspace", async () => {
    const content = randomBytes(16);
    const own = await service.upload("held-2", content, victim);
    await service.upload("held-2", content, strangers.open);
    const path = `/blobs/${own.blob_uuid}/metadata`;
    await service.json("PUT", `${path}/verified-by`, { value: "them" }, strangers.open);
    expect(await service.json("GET", path, undefined, victim)).toEqual({});
  });
});

describe("/auth/namespaces/:namespace/trusted-by", () => {
  it("lists who trusts it, by name, for its own keys and system", async () => {
    await accept("two");
    const path = "/auth/namespaces/victim/trusted-by";
    const all = [
      { namespace: "one", accepted: false },
      { namespace: "two", accepted: true },
    ];
    for (const bearer of [victim, system]) {
      expect(await service.json("GET", path, undefined, bearer)).toEqual(all);
      expect(await service.json("GET", `${path}?after=one`, undefined, bearer)).toEqual([all[1]]);
    }
    await accept("two", "DELETE");
  });

  it.each(["PUT", "DELETE"])(
    "answers a %s of who does not trust it like one of nobody",
    async (method) => {
      for (const name of ["open", "nowhere"]) {
        const path = `/auth/namespaces/victim/trusted-by/${name}`;
        expect(await refusalOf(service.send(method, path, undefined, victim))).toEqual([
          404,
          "namespace is not trusted by that one",
        ]);
      }
    },
  );

  it("counts a trust that system makes as accepted, also where it was made before", async () => {
    const late = await service.makeWorkspace("late");
    const made = await publish("by-system", strangers.one);
    const body = { external_namespace: "late" };
    await service.json("POST", "/auth/namespaces/one/trust", body, strangers.one);
    const show = () => service.fetch("/artifacts/by-system", { bearer: late });
    expect((await refusalOf(show()))[0]).toBe(404);
    await service.json("POST", "/auth/namespaces/one/trust", body, system);
    expect(await valueOf(show())).toEqual(made);
  });
});

describe("what is shared with everybody", () => {
  it("is so by system's key alone, not by its contributors and owners", async () => {
    const made = await publish("of-system", system);
    for (const role of ["contributor", "owner"] as const) {
      const { token } = await makeUserToken(service, `${role}-of-system`, { system: role });
      const asked = service.fetch(`/artifacts/${made.uuid}/share`, {
        method: "POST",
        headers: { Token: token },
      });
      expect(await refusalOf(asked)).toEqual([
        403,
        "only the system namespace can create shared artifacts",
      ]);
    }
    expect(await service.json("GET", `/artifacts/${made.uuid}`, undefined, system)).toMatchObject({
      shared: false,
    });
  });
});
