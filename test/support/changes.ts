// One change by each changing operation of the API document, for the tables over all of them: what leaves a row in the
// audit, what a tenant without room adds. An operation that is added later is missing here, and those tables say so.

import { randomBytes, randomUUID } from "node:crypto";

import { buildDocument } from "../../src/openapi/document.ts";
import { declare } from "./debusine-client.ts";
import { FilesClient, metadataOf } from "./files-client.ts";
import type { ArtifactBody, Service } from "./service.ts";

/** Who asks: the workspace `acting`, its contributor Ann, and those who administer. */
export interface Actors {
  service: Service;
  acting: string;
  system: string;
  /** Of a workspace that trusts `acting`. */
  truster: string;
  /** Ann's token. */
  token: string;
}

/** A request that is ready to be sent, once or again. */
type Ready = () => Promise<Response>;

export interface Change {
  /** The actions of its rows in the audit; for none, why. */
  actions: readonly string[] | "bytes under way" | "nothing changes";
  /** Whose it is: what `system` does is bounded by nobody. */
  by: "acting" | "ann" | "system";
  /** Makes what the request needs. */
  prepare: (actors: Actors) => Promise<Ready>;
}

/** The changing operations of the API document. */
export const CHANGING = Object.entries(buildDocument().paths).flatMap(([path, operations]) =>
  Object.keys(operations)
    .filter((method) => method !== "get")
    .map((method) => `${method.toUpperCase()} ${path}`),
);

const NOTE = { key: "k", value: "v" };
const ANN = { name: "ann", password: "correct horse" };

/** Workspaces, a user and a trust for the changes. */
export async function makeActors(service: Service): Promise<Actors> {
  const acting = await service.makeWorkspace("acting");
  const truster = await service.makeWorkspace("truster");
  const system = await service.loginAsSystem();
  await service.json("POST", "/auth/users", ANN, system);
  const role = { role: "contributor" };
  await service.json("PUT", "/auth/namespaces/acting/members/ann", role, system);
  const asked = { kind: "user", user: "ann" };
  const { token } = await service.json<{ token: string }>("POST", "/auth/tokens", asked, system);
  return { service, acting, system, truster, token };
}

function publish({ service, acting }: Actors, bearer = acting): Promise<ArtifactBody> {
  return service.upload(randomUUID(), randomBytes(16), bearer);
}

/** A request with a JSON body by a bearer. */
function ask({ service }: Actors, bearer: string, method: string, path: string, body?: unknown) {
  return () => service.send(method, path, body, bearer);
}

/** The same by Ann. */
function askAsAnn({ service, token }: Actors, method: string, path: string, body?: unknown) {
  return () =>
    service.fetch(path, {
      method,
      headers: { Token: token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
}

/** One of the acting workspace's artifacts, asked by its uuid. */
function ofArtifact(
  actions: Change["actions"],
  method: string,
  rest: string,
  body?: unknown,
): Change {
  return {
    actions,
    by: "acting",
    async prepare(actors) {
      const { uuid } = await publish(actors);
      const path = rest.startsWith("/instances")
        ? rest.replace("*", uuid)
        : `/artifacts/${uuid}${rest}`;
      if (method === "DELETE" && path.includes("/metadata/")) {
        await ask(actors, actors.acting, "PUT", `/artifacts/${uuid}/metadata/k`, NOTE)();
      }
      return ask(actors, actors.acting, method, path, body);
    },
  };
}

function ofBlob(actions: Change["actions"], method: string, rest: string): Change {
  return {
    actions,
    by: "acting",
    async prepare(actors) {
      const { blob_uuid: blob } = await publish(actors);
      if (method === "DELETE") {
        await ask(actors, actors.acting, "PUT", `/blobs/${blob}/metadata/k`, NOTE)();
      }
      const body = method === "DELETE" ? undefined : NOTE;
      return ask(actors, actors.acting, method, `/blobs/${blob}${rest}`, body);
    },
  };
}

/** Of the acting workspace itself; `first` is asked before. */
function ofWorkspace(
  actions: Change["actions"],
  method: string,
  rest: string,
  body?: unknown,
  first?: readonly [string, string, unknown?],
): Change {
  return {
    actions,
    by: "acting",
    async prepare(actors) {
      if (first !== undefined) {
        const [firstMethod, firstRest, firstBody] = first;
        await ask(
          actors,
          actors.acting,
          firstMethod,
          `/auth/namespaces/acting${firstRest}`,
          firstBody,
        )();
      }
      return ask(actors, actors.acting, method, `/auth/namespaces/acting${rest}`, body);
    },
  };
}

/** By `system`; `first` makes what it is about. */
function bySystem(
  actions: Change["actions"],
  method: string,
  path: string,
  body?: unknown,
  first?: readonly [string, string, unknown],
): Change {
  return {
    actions,
    by: "system",
    async prepare(actors) {
      if (first !== undefined) {
        await ask(actors, actors.system, ...first)();
      }
      return ask(actors, actors.system, method, path, body);
    },
  };
}

function ofLabel(method: string, place: string): Change {
  return {
    actions: method === "POST" ? ["artifact created", "label moved"] : ["artifact deleted"],
    by: "acting",
    async prepare(actors) {
      const { blob_uuid: blob } = await publish(actors);
      const path = `/label/${place}${randomUUID()}`;
      if (method === "DELETE") {
        await ask(actors, actors.acting, "POST", path, { blob_uuid: blob })();
      }
      return ask(
        actors,
        actors.acting,
        method,
        path,
        method === "POST" ? { blob_uuid: blob } : undefined,
      );
    },
  };
}

const FILE = Buffer.from("a declared file");
const bundle = (files: object) => ({
  category: "debusine:test",
  workspace: "acting",
  files,
  data: {},
  expire_at: null,
});

function declaring(path: string): Change {
  return {
    actions: ["artifact created"],
    by: "ann",
    prepare: (actors) => {
      const body = bundle({ [randomUUID()]: declare(FILE), empty: declare(Buffer.alloc(0)) });
      return Promise.resolve(askAsAnn(actors, "POST", path, body));
    },
  };
}

const fillingIn: Change = {
  actions: ["version sealed"],
  by: "ann",
  async prepare(actors) {
    const bytes = randomBytes(20);
    const made = await askAsAnn(
      actors,
      "POST",
      "/api/1.0/artifact/",
      bundle({ file: declare(bytes) }),
    )();
    const { id } = (await made.json()) as { id: number };
    const { service, token } = actors;
    const path = `/api/1.0/artifact/${id}/files/file`;
    return () => service.fetch(path, { method: "PUT", headers: { Token: token }, body: bytes });
  },
};

function relating(method: string, slash: string): Change {
  return {
    actions: [method === "POST" ? "relation made" : "relation ended"],
    by: "ann",
    async prepare(actors) {
      const [{ id: artifact }, { id: target }] = [await publish(actors), await publish(actors)];
      const relate = { artifact, target, type: "extends" };
      const path = "/api/1.0/artifact-relation";
      if (method === "POST") {
        return askAsAnn(actors, "POST", path + slash, relate);
      }
      const made = await askAsAnn(actors, "POST", path, relate)();
      const { id } = (await made.json()) as { id: number };
      return askAsAnn(actors, "DELETE", `${path}/${id}${slash}`);
    },
  };
}

function onUpload(
  actions: Change["actions"],
  path: (uuid: string) => string,
  body: (uuid: string) => unknown,
): Change {
  return {
    actions,
    by: "acting",
    async prepare(actors) {
      const { service, acting } = actors;
      const uuid = await service.openUpload(acting);
      await service.append(uuid, randomBytes(8), acting);
      return ask(actors, acting, "POST", path(uuid), body(uuid));
    },
  };
}

/** A file in one request. */
function wholeFile(method: string, path: () => string): Change {
  return {
    actions: ["artifact created", "version added"],
    by: "acting",
    prepare: ({ service, acting: bearer }) => {
      const [address, body] = [path(), randomBytes(8)];
      return Promise.resolve(() => service.fetch(address, { method, bearer, body }));
    },
  };
}

/** An append of nothing, or the end, of an upload by tus. */
function onFilesUpload(method: string): Change {
  return {
    actions: "bytes under way",
    by: "acting",
    async prepare({ service, acting: bearer }) {
      const uuid = await service.openUpload(bearer);
      const headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
        ...(method === "POST" ? { "X-HTTP-Method-Override": "PATCH" } : {}),
      };
      return () => service.fetch(`/files/${uuid}`, { method, bearer, headers });
    },
  };
}

/** An upload that becomes the only file of a folder. */
const tying: Change = {
  actions: ["artifact created", "version added"],
  by: "acting",
  async prepare({ service, acting: bearer }) {
    const [folder, bytes] = [randomUUID(), randomBytes(8)];
    const client = new FilesClient(service, bearer);
    const metadata = metadataOf({ bundle: folder, filename: "file" });
    const upload = await client.open(bytes.length, { "Upload-Metadata": metadata });
    await client.patch(upload, 0, bytes);
    const body = JSON.stringify({ files: [{ upload }] });
    return () => service.fetch(`/bundles/${folder}`, { method: "POST", bearer, body });
  },
};

function ofToken(actions: Change["actions"], method: string, body?: unknown): Change {
  return {
    actions,
    by: "ann",
    async prepare(actors) {
      const made = await askAsAnn(actors, "POST", "/auth/tokens", { kind: "user" })();
      const { id } = (await made.json()) as { id: number };
      return askAsAnn(actors, method, `/auth/tokens/${id}`, body);
    },
  };
}

/** A request as a browser sends the form of a page. */
function submit(
  { service }: Actors,
  path: string,
  form: Record<string, string>,
  cookie = "",
): Ready {
  const headers = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Sec-Fetch-Site": "same-origin",
    Cookie: cookie,
  };
  const body = new URLSearchParams(form).toString();
  return () => service.fetch(path, { method: "POST", headers, body });
}

const trusterOf = (accepted: boolean): Change => ({
  actions: [accepted ? "trust accepted" : "trust declined"],
  by: "acting",
  async prepare(actors) {
    const trust = { external_namespace: "acting" };
    await ask(actors, actors.truster, "DELETE", "/auth/namespaces/truster/trust/acting")();
    await ask(actors, actors.truster, "POST", "/auth/namespaces/truster/trust", trust)();
    const path = "/auth/namespaces/acting/trusted-by/truster";
    if (!accepted) {
      await ask(actors, actors.acting, "PUT", path)();
    }
    return ask(actors, actors.acting, accepted ? "PUT" : "DELETE", path);
  },
});

/** An artifact of `system`. */
const sharing = (shared: boolean): Change => ({
  actions: [shared ? "artifact shared" : "artifact unshared"],
  by: "system",
  async prepare(actors) {
    const { uuid } = await publish(actors, actors.system);
    if (!shared) {
      await ask(actors, actors.system, "POST", `/artifacts/${uuid}/share`)();
    }
    return ask(actors, actors.system, "POST", `/artifacts/${uuid}/${shared ? "share" : "unshare"}`);
  },
});

const KEY_OF_ACTING = { key_name: "second", key: "the second key" };
const BEA = { name: "bea", password: "correct horse" };
const SPARE = { namespace: "spare" };

/** By operation. Those of `system` that end what another made stand behind it. */
export const CHANGES: Readonly<Record<string, Change>> = {
  "POST /auth": {
    actions: ["token given"],
    by: "acting",
    prepare: (actors) =>
      Promise.resolve(
        ask(actors, "", "POST", "/auth", { namespace: "acting", key: "key of acting" }),
      ),
  },
  "POST /upload": {
    actions: "bytes under way",
    by: "acting",
    prepare: (actors) => Promise.resolve(ask(actors, actors.acting, "POST", "/upload")),
  },
  "POST /upload/{uuid}": onUpload(
    "bytes under way",
    (uuid) => `/upload/${uuid}`,
    () => "more",
  ),
  "POST /upload/{uuid}/truncate/{size}": onUpload(
    "bytes under way",
    (uuid) => `/upload/${uuid}/truncate/4`,
    () => undefined,
  ),
  "POST /files/": wholeFile("POST", () => "/files/"),
  "POST /files": wholeFile("POST", () => "/files"),
  "PUT /files/{upload}": wholeFile("PUT", () => `/files/${randomUUID()}`),
  "PATCH /files/{upload}": onFilesUpload("PATCH"),
  "POST /files/{upload}": onFilesUpload("POST"),
  "DELETE /files/{upload}": onFilesUpload("DELETE"),
  "POST /bundles/{bundle}": tying,
  "POST /artifacts/upload/{name}": onUpload(
    ["artifact created", "version added"],
    () => `/artifacts/upload/${randomUUID()}`,
    (uuid) => ({ upload_uuid: uuid }),
  ),
  "POST /artifacts": {
    actions: ["artifact created"],
    by: "acting",
    prepare: (actors) => {
      const url = `${actors.service.origin}/healthz?${randomUUID()}`;
      return Promise.resolve(ask(actors, actors.acting, "POST", "/artifacts", { url }));
    },
  },
  "DELETE /artifacts/{ref}": ofArtifact(["artifact deleted"], "DELETE", ""),
  "POST /artifacts/{ref}/share": sharing(true),
  "POST /artifacts/{ref}/unshare": sharing(false),
  "POST /artifacts/{ref}/versions": ofArtifact(["maximum of versions set"], "POST", "/versions", {
    max_versions: 7,
  }),
  "DELETE /artifacts/{ref}/versions/{index}": ofArtifact(
    ["version deleted"],
    "DELETE",
    "/versions/1",
  ),
  "POST /artifacts/{ref}/metadata": ofArtifact(["metadata set"], "POST", "/metadata", NOTE),
  "PUT /artifacts/{ref}/metadata/{key}": ofArtifact(["metadata set"], "PUT", "/metadata/k", NOTE),
  "DELETE /artifacts/{ref}/metadata/{key}": ofArtifact(
    ["metadata deleted"],
    "DELETE",
    "/metadata/k",
  ),
  "PUT /instances/{ref}/metadata/{key}": ofArtifact(
    ["metadata set"],
    "PUT",
    "/instances/*/metadata/k",
    NOTE,
  ),
  "DELETE /instances/{ref}/metadata/{key}": ofArtifact(
    ["metadata deleted"],
    "DELETE",
    "/instances/*/metadata/k",
  ),
  "POST /label/{name}": ofLabel("POST", ""),
  "DELETE /label/{name}": ofLabel("DELETE", ""),
  "POST /label/{namespace}/{name}": ofLabel("POST", "acting/"),
  "DELETE /label/{namespace}/{name}": ofLabel("DELETE", "acting/"),
  "POST /blobs/{uuid}/metadata": ofBlob(["blob metadata set"], "POST", "/metadata"),
  "PUT /blobs/{uuid}/metadata/{key}": ofBlob(["blob metadata set"], "PUT", "/metadata/k"),
  "DELETE /blobs/{uuid}/metadata/{key}": ofBlob(["blob metadata deleted"], "DELETE", "/metadata/k"),
  "POST /api/1.0/artifact/": declaring("/api/1.0/artifact/"),
  "POST /api/1.0/artifact": declaring("/api/1.0/artifact"),
  "PUT /api/1.0/artifact/{id}/files/{path}": fillingIn,
  "POST /api/1.0/artifact-relation/": relating("POST", "/"),
  "POST /api/1.0/artifact-relation": relating("POST", ""),
  "DELETE /api/1.0/artifact-relation/{id}/": relating("DELETE", "/"),
  "DELETE /api/1.0/artifact-relation/{id}": relating("DELETE", ""),
  "POST /login": {
    actions: ["login"],
    by: "ann",
    prepare: (actors) => Promise.resolve(submit(actors, "/login", ANN)),
  },
  "POST /logout": {
    actions: ["logout"],
    by: "ann",
    async prepare(actors) {
      const login = await submit(actors, "/login", ANN)();
      const [cookie = ""] = (login.headers.get("Set-Cookie") ?? "").split(";");
      return submit(actors, "/logout", {}, cookie);
    },
  },
  "POST /auth/namespaces": bySystem(["workspace made"], "POST", "/auth/namespaces", SPARE),
  "PATCH /auth/namespaces/{namespace}": bySystem(
    ["workspace changed"],
    "PATCH",
    "/auth/namespaces/spare",
    { default_expiration_days: 3 },
  ),
  "DELETE /auth/namespaces/{namespace}": bySystem(
    ["workspace deleted"],
    "DELETE",
    "/auth/namespaces/spare",
  ),
  "POST /auth/namespaces/{namespace}/keys": ofWorkspace(
    ["key set"],
    "POST",
    "/keys",
    KEY_OF_ACTING,
  ),
  "PUT /auth/namespaces/{namespace}/keys": ofWorkspace(["key set"], "PUT", "/keys", KEY_OF_ACTING),
  "PUT /auth/namespaces/{namespace}/keys/{key}": ofWorkspace(["key set"], "PUT", "/keys/second", {
    key: "another key",
  }),
  "DELETE /auth/namespaces/{namespace}/keys/{key}": ofWorkspace(
    ["key deleted"],
    "DELETE",
    "/keys/second",
    undefined,
    ["POST", "/keys", KEY_OF_ACTING],
  ),
  "POST /auth/namespaces/{namespace}/metadata": ofWorkspace(
    ["workspace metadata set"],
    "POST",
    "/metadata",
    NOTE,
    ["DELETE", "/metadata/k"],
  ),
  "PUT /auth/namespaces/{namespace}/metadata/{key}": ofWorkspace(
    ["workspace metadata set"],
    "PUT",
    "/metadata/k",
    NOTE,
    ["DELETE", "/metadata/k"],
  ),
  "DELETE /auth/namespaces/{namespace}/metadata/{key}": ofWorkspace(
    ["workspace metadata deleted"],
    "DELETE",
    "/metadata/k",
    undefined,
    ["PUT", "/metadata/k", NOTE],
  ),
  "POST /auth/namespaces/{namespace}/trust": ofWorkspace(
    ["trust given"],
    "POST",
    "/trust",
    { external_namespace: "truster" },
    ["DELETE", "/trust/truster"],
  ),
  "DELETE /auth/namespaces/{namespace}/trust/{trusted}": ofWorkspace(
    ["trust ended"],
    "DELETE",
    "/trust/truster",
    undefined,
    ["POST", "/trust", { external_namespace: "truster" }],
  ),
  "PUT /auth/namespaces/{namespace}/trusted-by/{truster}": trusterOf(true),
  "DELETE /auth/namespaces/{namespace}/trusted-by/{truster}": trusterOf(false),
  "POST /auth/users": bySystem(["user made"], "POST", "/auth/users", BEA),
  "PATCH /auth/users/{name}": bySystem(["password set"], "PATCH", "/auth/users/bea", {
    password: BEA.password,
  }),
  "PUT /auth/namespaces/{namespace}/members/{user}": bySystem(
    ["member set"],
    "PUT",
    "/auth/namespaces/acting/members/bea",
    { role: "viewer" },
  ),
  "DELETE /auth/namespaces/{namespace}/members/{user}": bySystem(
    ["member deleted"],
    "DELETE",
    "/auth/namespaces/acting/members/bea",
  ),
  "DELETE /auth/users/{name}": bySystem(["user deleted"], "DELETE", "/auth/users/bea"),
  "POST /auth/tokens": {
    actions: ["token made"],
    by: "ann",
    prepare: (actors) =>
      Promise.resolve(askAsAnn(actors, "POST", "/auth/tokens", { kind: "user" })),
  },
  "PATCH /auth/tokens/{id}": ofToken(["token disabled"], "PATCH", { enabled: false }),
  "DELETE /auth/tokens/{id}": ofToken(["token deleted"], "DELETE"),
  "POST /fsck": bySystem("nothing changes", "POST", "/fsck", {}),
  "DELETE /instances": ofNothing("/instances"),
  "DELETE /networks": ofNothing("/networks"),
  "DELETE /artifacts": {
    actions: ["artifact deleted"],
    by: "acting",
    async prepare(actors) {
      await ask(actors, actors.acting, "DELETE", "/artifacts", { confirm: true })();
      await publish(actors);
      return ask(actors, actors.acting, "DELETE", "/artifacts", { confirm: true });
    },
  },
};

function ofNothing(path: string): Change {
  return {
    actions: "nothing changes",
    by: "acting",
    prepare: (actors) => Promise.resolve(ask(actors, actors.acting, "DELETE", path)),
  };
}
