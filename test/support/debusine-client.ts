// Debusine's API as its client speaks it.

import { hexDigest } from "./make-artifact.ts";
import type { Service } from "./service.ts";

/** An artifact as the API describes it. */
export interface BundleBody {
  id: number;
  url: string;
  scope: string;
  workspace: string;
  category: string;
  data: Record<string, unknown>;
  created_at: string;
  expire_at: string | null;
  download_tar_gz_url: string;
  files_to_upload: string[];
  files: Record<
    string,
    {
      type: string;
      size: number;
      checksums: { sha256: string };
      content_type: string | null;
      url: string;
    }
  >;
}

/** A refusal's status and body. */
export interface Problem {
  status: number;
  title: string;
  detail?: string;
  validation_errors?: Record<string, unknown>;
}

const KEYS = new Set(["title", "detail", "validation_errors"]);

/** How the request for a file declares it. */
export function declare(bytes: Uint8Array, contentType?: string) {
  return {
    type: "file",
    size: bytes.length,
    checksums: { sha256: hexDigest("sha256", bytes) },
    ...(contentType === undefined ? {} : { content_type: contentType }),
  };
}

/** Reads a refusal, which must have the form that the client knows. */
export async function problemOf(reply: Promise<Response> | Response): Promise<Problem> {
  const response = await reply;
  const text = await response.text();
  if (response.headers.get("Content-Type") !== "application/problem+json") {
    throw new Error(`Expected a problem: ${response.status} ${text}`);
  }
  const body = JSON.parse(text) as Omit<Problem, "status">;
  const strange = Object.keys(body).filter((key) => !KEYS.has(key));
  if (strange.length > 0 || typeof body.title !== "string") {
    throw new Error(`Problem of another form: ${text}`);
  }
  return { status: response.status, ...body, ...withoutRequest(response, body) };
}

/** The detail, if there is any but the request's id, which must be there. */
function withoutRequest(response: Response, { detail = "" }: Omit<Problem, "status">): object {
  const sentences = detail.split(". ");
  if (sentences.pop() !== `Request ${response.headers.get("X-Request-Id")}`) {
    throw new Error(`Problem does not name its request: ${detail}`);
  }
  return { detail: sentences.join(". ") };
}

/** Calls with one set of credentials. */
export class DebusineClient {
  readonly #service: Service;
  readonly #headers: Record<string, string>;

  constructor(service: Service, headers: Record<string, string>) {
    this.#service = service;
    this.#headers = headers;
  }

  send(method: string, path: string, body?: unknown): Promise<Response> {
    return this.#service.fetch(`/api/1.0${path}`, {
      method,
      headers: this.#headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** Makes an artifact of these files, without their bytes. */
  create(
    files: Record<string, Uint8Array>,
    request: Record<string, unknown> = {},
  ): Promise<Response> {
    const declared = Object.entries(files).map(([path, bytes]) => [path, declare(bytes)] as const);
    return this.send("POST", "/artifact/", {
      category: "debusine:test",
      workspace: "ci",
      files: Object.fromEntries(declared),
      data: {},
      ...request,
    });
  }

  /** The same; it must succeed. */
  async make(
    files: Record<string, Uint8Array>,
    request: Record<string, unknown> = {},
  ): Promise<BundleBody> {
    const reply = await this.create(files, request);
    if (reply.status !== 201) {
      throw new Error(`POST artifact: ${reply.status} ${await reply.text()}`);
    }
    return (await reply.json()) as BundleBody;
  }

  async show(id: number): Promise<BundleBody> {
    return (await (await this.send("GET", `/artifact/${id}`)).json()) as BundleBody;
  }

  /** Sends bytes for a file: all of it, or what `range` says. */
  put(id: number, path: string, bytes: Uint8Array | null, range?: string): Promise<Response> {
    const quoted = path.split("/").map(encodeURIComponent).join("/");
    return this.#service.fetch(`/api/1.0/artifact/${id}/files/${quoted}/`, {
      method: "PUT",
      headers: { ...this.#headers, ...(range === undefined ? {} : { "Content-Range": range }) },
      body: (bytes ?? new Uint8Array()) as Uint8Array<ArrayBuffer>,
    });
  }

  /** Status and Range of a put, which must have no body. */
  async putFor(...put: Parameters<DebusineClient["put"]>): Promise<[number, string | null]> {
    const reply = await this.put(...put);
    const text = await reply.text();
    if (text !== "") {
      throw new Error(`PUT: ${reply.status} ${text}`);
    }
    return [reply.status, reply.headers.get("Range")];
  }
}
