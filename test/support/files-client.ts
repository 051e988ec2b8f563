// Requests under /files/, as tests write them.

import type { Service } from "./service.ts";

export const TUS = { "Tus-Resumable": "1.0.0" };
const TYPE = "application/offset+octet-stream";

/** Upload-Metadata of texts. */
export function metadataOf(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString("base64")}`)
    .join(",");
}

/** The calls of one caller. */
export class FilesClient {
  readonly #service: Service;
  readonly bearer: string;

  constructor(service: Service, bearer: string) {
    this.#service = service;
    this.bearer = bearer;
  }

  send(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: BodyInit,
  ): Promise<Response> {
    return this.#service.fetch(path.replace(this.#service.origin, ""), {
      method,
      // The runtime ends connections whose bodies were refused unread, while the next request may be on its way.
      headers: { ...headers, ...(body === undefined ? {} : { Connection: "close" }) },
      bearer: this.bearer,
      ...(body === undefined ? {} : { body, duplex: "half" as const }),
    });
  }

  create(headers: Record<string, string>, body?: BodyInit): Promise<Response> {
    return this.send("POST", "/files/", { ...TUS, ...headers }, body);
  }

  /** A new upload's address, as a path. */
  async open(length: number | null, headers: Record<string, string> = {}): Promise<string> {
    const size =
      length === null ? { "Upload-Defer-Length": "1" } : { "Upload-Length": `${length}` };
    const response = await this.create({ ...size, ...headers });
    if (response.status !== 201) {
      throw new Error(`POST /files/: ${response.status} ${await response.text()}`);
    }
    return new URL(response.headers.get("Location") ?? "").pathname;
  }

  patch(
    path: string,
    offset: number | string,
    body: BodyInit,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const own = { ...TUS, "Content-Type": TYPE, "Upload-Offset": `${offset}` };
    return this.send("PATCH", path, { ...own, ...headers }, body);
  }

  head(path: string): Promise<Response> {
    return this.send("HEAD", path, TUS);
  }

  /** The offset that HEAD gives, or the status where that is no success. */
  async offset(path: string): Promise<number> {
    const response = await this.head(path);
    return response.status === 200
      ? Number(response.headers.get("Upload-Offset"))
      : -response.status;
  }

  /** The bytes of a complete upload. */
  async content(path: string): Promise<Buffer> {
    const response = await this.send("GET", path);
    if (response.status !== 200) {
      throw new Error(`GET ${path}: ${response.status}`);
    }
    return Buffer.from(await response.arrayBuffer());
  }
}
