// A client of the watched Worker: a workspace with a key, and the requests of the public clients.

import { env } from "cloudflare:workers";

import { signAccessToken } from "../../../src/auth/access-tokens.ts";
import { putKey } from "../../../src/catalog/access/keys.ts";
import { hexDigest } from "./bytes.ts";
import { byTest, makeWorkspace } from "./catalog.ts";
import { request } from "./watched-worker.ts";

export class Client {
  readonly workspace: string;
  readonly workspaceId: number;
  readonly bearer: string;
  /** Of all answers so far. */
  readonly statuses = new Set<number>();

  private constructor(workspace: string, workspaceId: number, bearer: string) {
    this.workspace = workspace;
    this.workspaceId = workspaceId;
    this.bearer = bearer;
  }

  /** A client of a new workspace. */
  static async make(workspace: string): Promise<Client> {
    const { id } = await makeWorkspace(workspace);
    const secret = { secretHash: "none", lookup: null, nonce: "nonce" };
    await putKey(env.DB, { workspaceId: id, name: "ci", ...secret, setBy: null }, byTest(), 1);
    const subject = { workspace, keyName: "ci", nonce: "nonce" };
    return new Client(workspace, id, await signAccessToken(subject, env.TOKEN_SECRET, Date.now()));
  }

  async send(
    method: string,
    path: string,
    body: Uint8Array | object | null = null,
    headers = {},
  ): Promise<Response> {
    const sent = body === null || body instanceof Uint8Array ? body : JSON.stringify(body);
    const response = await request(path, { method, bearer: this.bearer, body: sent, headers });
    this.statuses.add(response.status);
    return response;
  }

  /** A request that must succeed, and its JSON. */
  async json<T>(method: string, path: string, body: Uint8Array | object | null = null): Promise<T> {
    const response = await this.send(method, path, body);
    if (!response.ok) {
      throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    }
    return response.json<T>();
  }

  async openUpload(): Promise<string> {
    return (await this.json<{ uuid: string }>("POST", "/upload")).uuid;
  }

  append(uuid: string, content: Uint8Array): Promise<Response> {
    return this.send("POST", `/upload/${uuid}`, content);
  }

  truncate(uuid: string, size: number): Promise<Response> {
    return this.send("POST", `/upload/${uuid}/truncate/${size}`);
  }

  convert(uuid: string, name: string, options: object = {}): Promise<Response> {
    return this.send("POST", `/artifacts/upload/${name}`, { upload_uuid: uuid, ...options });
  }

  /** An upload with this content. */
  async upload(content: Uint8Array): Promise<string> {
    const uuid = await this.openUpload();
    await this.json("POST", `/upload/${uuid}`, content);
    return uuid;
  }

  /** An artifact with this content, and its first blob. */
  async publish(
    name: string,
    content: Uint8Array,
  ): Promise<{ id: number; uuid: string; blob_uuid: string }> {
    const uuid = await this.upload(content);
    return this.json("POST", `/artifacts/upload/${name}`, { upload_uuid: uuid });
  }

  /** Declares an artifact of these files, as Debusine's client does. */
  async declare(files: Record<string, Uint8Array>): Promise<Response> {
    const described = await Promise.all(
      Object.entries(files).map(async ([path, content]) => {
        const checksums = { sha256: await hexDigest("SHA-256", content) };
        return [path, { type: "file", size: content.length, checksums }];
      }),
    );
    return this.send("POST", "/api/1.0/artifact/", {
      category: "debusine:test",
      workspace: this.workspace,
      files: Object.fromEntries(described) as object,
      data: {},
    });
  }
}
