// The calls of Stowage's API that come before and after what is timed.

import { TEST_SECRETS } from "../test/support/secrets.ts";
import { expectStatus } from "./client.ts";
import type { Subject } from "./subject.ts";

/** Anyone may read it. */
export const WORKSPACE = "bench";
const KEY = "key of bench";
const USER = { name: "ben", password: "password of ben" };
const TOKEN_MS = 10 * 60_000;

/** What a blob's reply says of its bytes. */
export interface BlobChecksums {
  sha256: string;
  crc32: string;
}

/** A public workspace of a subject, and its key. */
export class Stowage {
  readonly #subject: Subject;
  #login = { bearer: "", until: 0 };
  /** What goes into the header `Token`, for Debusine's API. */
  userToken = "";

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  get origin(): string {
    return this.#subject.origin;
  }

  /** Makes the workspace, and a user who may add to it. */
  async prepare(): Promise<void> {
    const system = await this.#loginTo("system", TEST_SECRETS.SYSTEM_KEY);
    const workspace = { namespace: WORKSPACE, key_name: "ci", key: KEY, public: true };
    await this.#json("POST", "/auth/namespaces", workspace, system);
    await this.#json("POST", "/auth/users", USER, system);
    const member = `/auth/namespaces/${WORKSPACE}/members/${USER.name}`;
    await this.#json("PUT", member, { role: "contributor" }, system);
    const wanted = { kind: "user", user: USER.name };
    const { token } = await this.#json<{ token: string }>("POST", "/auth/tokens", wanted, system);
    this.userToken = token;
  }

  /** The headers of a request by the workspace's key. */
  async authorization(): Promise<{ Authorization: string }> {
    if (performance.now() > this.#login.until) {
      const bearer = await this.#loginTo(WORKSPACE, KEY);
      this.#login = { bearer, until: performance.now() + TOKEN_MS };
    }
    return { Authorization: `Bearer ${this.#login.bearer}` };
  }

  /** The address of a new upload. */
  async openUpload(): Promise<string> {
    const headers = await this.authorization();
    const { body } = await expectStatus(200, `${this.origin}/upload`, { method: "POST", headers });
    const { uuid } = JSON.parse(body.toString()) as { uuid: string };
    return `${this.origin}/upload/${uuid}`;
  }

  /** Makes an upload an artifact; gives the address of its file, its blob, and how long that took. */
  async convert(upload: string, name: string): Promise<{ url: string; blob: string; ms: number }> {
    const headers = await this.authorization();
    const body = JSON.stringify({ upload_uuid: upload.slice(upload.lastIndexOf("/") + 1) });
    const url = `${this.origin}/artifacts/upload/${name}`;
    const answer = await expectStatus(200, url, { method: "POST", headers, body });
    const { id, blob_uuid: blob } = JSON.parse(answer.body.toString()) as {
      id: number;
      blob_uuid: string;
    };
    return { url: `/a/${id}/${name}`, blob, ms: answer.ms };
  }

  /** What the service says of a blob, and the etag of the one R2 object that holds it. */
  async describeBlob(uuid: string): Promise<BlobChecksums & { etag: string }> {
    const headers = await this.authorization();
    const { body } = await expectStatus(200, `${this.origin}/blobs/${uuid}`, { headers });
    const { sha256, crc32 } = JSON.parse(body.toString()) as BlobChecksums;
    const db = await this.#subject.db();
    const key = await db
      .prepare(
        `SELECT r.key FROM contents c JOIN holders h ON h.content_id = c.id
         JOIN object_refs r ON r.version_id = h.version_id WHERE c.sha256 = unhex(?1) LIMIT 1`,
      )
      .bind(sha256)
      .first<string>("key");
    return { sha256, crc32, etag: await this.#subject.etagOf(key ?? "") };
  }

  async #loginTo(namespace: string, key: string): Promise<string> {
    const { access_token: token } = await this.#json<{ access_token: string }>(
      "POST",
      "/auth",
      { namespace, key },
      "",
    );
    return token;
  }

  async #json<T>(method: string, path: string, body: unknown, bearer: string): Promise<T> {
    const headers = bearer === "" ? {} : { Authorization: `Bearer ${bearer}` };
    const call = { method, headers, body: JSON.stringify(body) };
    const answer = await expectStatus(200, this.origin + path, call);
    return JSON.parse(answer.body.toString()) as T;
  }
}
