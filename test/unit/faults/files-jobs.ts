// Jobs of /files/ for nth-call.test.ts: what a client of tus does, and how it goes on.

import type { Client } from "../support/client.ts";

const TUS = { "Tus-Resumable": "1.0.0" };
const TYPE = { "Content-Type": "application/offset+octet-stream" };

/** The calls of a client of tus. */
export class TusClient {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  create(name: string, headers: Record<string, string>, body: Uint8Array | null = null) {
    const metadata = `filename ${btoa(name)}`;
    const own = { ...TUS, "Upload-Metadata": metadata, ...headers };
    return this.#client.send("POST", "/files/", body, own);
  }

  /** A new upload's address. */
  async open(name: string, length: number, headers: Record<string, string> = {}): Promise<string> {
    const response = await this.create(name, { "Upload-Length": `${length}`, ...headers });
    if (response.status !== 201) {
      throw new Error(`Still refused: ${response.status} ${await response.text()}`);
    }
    return new URL(response.headers.get("Location") ?? "").pathname;
  }

  patch(path: string, offset: number, body: Uint8Array): Promise<Response> {
    const headers = { ...TUS, ...TYPE, "Upload-Offset": `${offset}` };
    return this.#client.send("PATCH", path, body, headers);
  }

  head(path: string): Promise<Response> {
    return this.#client.send("HEAD", path, null, TUS);
  }

  async terminate(path: string): Promise<number> {
    return (await this.#client.send("DELETE", path, null, TUS)).status;
  }

  /** Asks where the upload is and sends the rest, until it is complete; what was acknowledged must be there. */
  async goOn(path: string, content: Uint8Array, acknowledged: number): Promise<void> {
    for (let round = 0; round < 6; round += 1) {
      const head = await this.head(path);
      if (head.status === 200) {
        const offset = Number(head.headers.get("Upload-Offset"));
        if (offset < acknowledged) {
          throw new Error(`At ${offset}: ${acknowledged} bytes were acknowledged`);
        }
        if (offset === content.length) {
          requireArtifact(head);
          return;
        }
        await this.patch(path, offset, content.subarray(offset));
      } else if (![423, 503, 507].includes(head.status)) {
        throw new Error(`HEAD ${path}: ${head.status}`);
      }
    }
    throw new Error(`Cannot complete ${path}`);
  }

  /** Complete uploads that are files of a bundle, each as the request for its artifact names it. */
  async filesOf(bundle: string, files: Record<string, Uint8Array>): Promise<{ upload: string }[]> {
    const uploads = [];
    for (const [path, content] of Object.entries(files)) {
      const metadata = `bundle ${btoa(bundle)},filename ${btoa("f")},relativePath ${btoa(path)}`;
      const at = await this.open("f", content.length, { "Upload-Metadata": metadata });
      const { status } = await this.patch(at, 0, content);
      if (status !== 204) {
        throw new Error(`PATCH ${at}: ${status}`);
      }
      uploads.push({ upload: at });
    }
    return uploads;
  }

  tie(bundle: string, files: readonly { upload: string }[]): Promise<Response> {
    const body = new TextEncoder().encode(JSON.stringify({ files }));
    return this.#client.send("POST", `/bundles/${bundle}`, body, {});
  }

  /** Parts of a content, and the value of `Upload-Concat` that joins them. */
  async parts(contents: readonly Uint8Array[]): Promise<string> {
    const paths = [];
    for (const content of contents) {
      const path = await this.open("part", content.length, { "Upload-Concat": "partial" });
      const { status } = await this.patch(path, 0, content);
      if (status !== 204) {
        throw new Error(`PATCH ${path}: ${status}`);
      }
      paths.push(path);
    }
    return `final;${paths.join(" ")}`;
  }
}

/** HEAD must not tell of success before. */
function requireArtifact({ headers }: Response): void {
  if (!headers.has("Stowage-Artifact")) {
    throw new Error("All bytes are told to be there, and there is no artifact");
  }
}
