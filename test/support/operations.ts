// Every operation of the API document, as a list to test something over, and something for each parameter of a path.

import { createHash } from "node:crypto";

import { buildDocument } from "../../src/openapi/document.ts";
import { ERRORS } from "../../src/protocol/errors.ts";
import type { ArtifactBody, Service } from "./service.ts";

export interface Operation {
  method: string;
  path: string;
  tag: string;
  query: string[];
  members: string[];
  reads: "bytes" | "json" | "nothing";
  /** Does the document say that what is unknown is refused? */
  isStrict: boolean;
}

/** Reads them all. */
export function readOperations(): Operation[] {
  return Object.entries(buildDocument().paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => {
      const { tags, parameters, requestBody, responses } = described as unknown as {
        tags: string[];
        parameters: { name: string; in: string }[];
        requestBody?: { content: Record<string, { schema?: { properties: object } }> };
        responses: Record<string, { description: string }>;
      };
      const json = requestBody?.content["application/json"]?.schema?.properties;
      const bodiless = requestBody === undefined ? "nothing" : "bytes";
      return {
        method: method.toUpperCase(),
        path,
        tag: tags[0] ?? "",
        query: parameters.filter((each) => each.in === "query").map(({ name }) => name),
        members: Object.keys(json ?? {}),
        reads: json === undefined ? bodiless : "json",
        isStrict: responses[400]?.description.includes(ERRORS.query_unknown.message) ?? false,
      } as const;
    }),
  );
}

/** By a part of a path in the document, what stands there in a request; the first that fits counts. */
export type Subject = Record<string, string>;

/** Makes one of each kind in an empty service, all readable by `system`, whose key is `system`. */
export async function makeSubject(service: Service, system: string): Promise<Subject> {
  await service.makeWorkspace("demo");
  await service.json("POST", "/auth/users", { name: "ann", password: "a password" }, system);
  const members = "/auth/namespaces/demo/members/ann";
  await service.json("PUT", members, { role: "viewer" }, system);
  const trust = { external_namespace: "system" };
  await service.json("POST", "/auth/namespaces/demo/trust", trust, system).catch(() => {});
  const token = { kind: "worker", label: "w" };
  const { id } = await service.json<{ id: number }>("POST", "/auth/tokens", token, system);
  const artifact = await service.upload("thing", new Uint8Array([1, 2, 3]), system);
  const label = { blob_uuid: artifact.blob_uuid };
  await service.json<ArtifactBody>("POST", "/label/lab", label, system);
  const sha256 = createHash("sha256").update("file").digest("hex");
  const declared = await service.send(
    "POST",
    "/api/1.0/artifact/",
    { category: "a:b", files: { f: { type: "file", size: 4, checksums: { sha256 } } } },
    system,
  );
  const bundle = (await declared.json()) as { id: number };
  return {
    "{ref}": artifact.uuid,
    "/upload/{uuid}": `/upload/${await service.openUpload(system)}`,
    "{upload}": await service.openUpload(system),
    "{uuid}": artifact.blob_uuid,
    "/tokens/{id}": `/tokens/${id}`,
    "/api/1.0/artifact/{id}": `/api/1.0/artifact/${bundle.id}`,
    "{id}": String(artifact.id),
    "/artifacts/upload/{name}": "/artifacts/upload/thing",
    "/label/{name}": "/label/lab",
    "/label/{namespace}/{name}": "/label/system/lab",
    "/users/{name}": "/users/ann",
    "{namespace}": "demo",
    "/w/{name}": "/w/demo",
    "/keys/{key}": "/keys/ci",
    "{key}": "k",
    "{user}": "ann",
    "{trusted}": "system",
    "{size}": "0",
    "{index}": "1",
    "/files/{path}": "/files/f",
    "{algorithm}": "sha256",
    "{hash}": sha256,
    "{path}": "thing",
    "{scope}/{workspace}": "debusine/demo",
  };
}

/** The address of an operation about a subject. */
export function urlOf({ path }: Operation, subject: Subject): string {
  return Object.entries(subject).reduce((url, [name, value]) => url.replace(name, value), path);
}
