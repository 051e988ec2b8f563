// Every operation that the running service describes, with addresses and bodies that name a tenant's things: one that is added
// later is attacked from then on.

import { randomUUID } from "node:crypto";

import { service } from "./target.ts";
import type { Tenant } from "./target.ts";

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
}

interface DescribedOperation {
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema?: Schema }> };
}

interface ApiDocument {
  paths: Record<string, Record<string, DescribedOperation>>;
  components: { schemas: Record<string, Schema> };
}

export interface Operation {
  /** As in `POST /upload`. */
  name: string;
  method: string;
  path: string;
  isChange: boolean;
  queries: string[];
  mediaType: string | null;
  schema: Schema | null;
}

const apiDocument = (await (await fetch(`${service.origin}/openapi.json`)).json()) as ApiDocument;

export const OPERATIONS: Operation[] = Object.entries(apiDocument.paths).flatMap(
  ([path, operations]) =>
    Object.entries(operations).map(([name, { requestBody, parameters = [] }]) => {
      const [content] = Object.entries(requestBody?.content ?? {});
      const method = name.toUpperCase();
      return {
        name: `${method} ${path}`,
        method,
        path,
        isChange: method !== "GET",
        queries: parameters.filter((each) => each.in === "query").map((each) => each.name),
        mediaType: content?.[0] ?? null,
        schema: content?.[1].schema ?? null,
      };
    }),
);

/** A tenant's things, by what addresses and bodies call them. */
export type Things = Record<"artifact" | "artifactId" | "blob" | "upload" | "sha512", string>;

export async function makeThings({ bearer }: Tenant): Promise<Things> {
  const {
    id,
    uuid,
    blob_uuid: blob,
  } = await service.upload("thing", Buffer.from(randomUUID()), bearer);
  const upload = await service.openUpload(bearer);
  return { artifact: uuid, artifactId: String(id), blob, upload, sha512: "0".repeat(128) };
}

/** An address of an operation, on the tenant's own things. */
export function addressOf({ path }: Operation, tenant: Tenant, things: Things): string {
  const isBlob = path.startsWith("/blob");
  const isNumber = path.includes("/auth/tokens") || path.includes("artifact-relation/");
  const values: Record<string, string> = {
    algorithm: "sha512",
    hash: things.sha512,
    index: "999",
    key: "k",
    size: "0",
    trusted: "system",
    scope: "debusine",
    id: isNumber ? "999999" : things.artifactId,
    ref: things.artifact,
    upload: things.upload,
    uuid: isBlob ? things.blob : things.upload,
    namespace: tenant.name,
    workspace: tenant.name,
    name: path.startsWith("/w/") || path.startsWith("/auth/") ? tenant.name : randomUUID(),
    path: "thing",
    user: "nobody",
  };
  return path.replaceAll(/\{(\w+)\}/gu, (_, name: string) => values[name] ?? "unknown");
}

/** What a body names that must be there. */
function knownValue(name: string, tenant: Tenant, things: Things): unknown {
  const known: Record<string, unknown> = {
    namespace: tenant.name,
    workspace: tenant.name,
    external_namespace: `x${randomUUID().slice(0, 8)}`,
    upload_uuid: undefined,
    blob_uuid: things.blob,
    artifact: Number(things.artifactId),
    target: Number(things.artifactId),
    url: "http://192.0.2.1/none",
    kind: "user",
    expires_at: null,
    files: {},
    confirm: false,
  };
  return name in known ? known[name] : null;
}

/** A body as an operation wants it, with texts that were never used. */
export function bodyOf(operation: Operation, tenant: Tenant, things: Things): string | null {
  if (operation.schema === null || operation.mediaType !== "application/json") {
    return operation.mediaType === null ? null : "x".repeat(64);
  }
  return JSON.stringify(valueOf(operation.schema, "", (name) => knownValue(name, tenant, things)));
}

function valueOf(schema: Schema, name: string, known: (name: string) => unknown): unknown {
  const given = known(name);
  if (given !== null && name !== "") {
    return given;
  }
  const { $ref, properties, items } = schema;
  if ($ref !== undefined) {
    const target = apiDocument.components.schemas[$ref.split("/").at(-1) ?? ""];
    return target === undefined ? null : valueOf(target, name, known);
  }
  const [choice] = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  if (choice !== undefined) {
    return valueOf(choice, name, known);
  }
  if (properties !== undefined) {
    return Object.fromEntries(
      Object.entries(properties).map(([key, part]) => [key, valueOf(part, key, known)]),
    );
  }
  return items === undefined ? plainValue(schema) : [valueOf(items, name, known)];
}

function plainValue({ type, enum: values, const: only }: Schema): unknown {
  const [kind] = [type].flat();
  const byKind: Record<string, unknown> = {
    integer: 1,
    number: 1,
    boolean: false,
    object: {},
    array: [],
    null: null,
  };
  return (
    only ?? values?.[0] ?? (kind !== undefined && kind in byKind ? byKind[kind] : randomUUID())
  );
}

/** The members of an operation's body in JSON, and of which type each is. */
export function membersOf({ schema }: Operation): Record<string, string> {
  return Object.fromEntries(
    Object.entries(resolved(schema ?? {}).properties ?? {}).map(([name, part]) => {
      const { type = "" } = resolved(part);
      return [name, [type].flat()[0] ?? ""];
    }),
  );
}

/** What a schema stands for: of several the first. */
function resolved(schema: Schema): Schema {
  const { $ref, anyOf = [], oneOf = [], allOf = [] } = schema;
  const target =
    $ref === undefined ? null : apiDocument.components.schemas[$ref.split("/").at(-1) ?? ""];
  const next = target ?? [...anyOf, ...oneOf, ...allOf][0];
  return next === undefined ? schema : resolved(next);
}
