// What wrangler asks of Cloudflare's API for a deployed D1, answered by a SQLite in this process. It shows what is sent, and
// what becomes of an import that fails or whose answer is lost; that D1's import is one transaction it only repeats.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DatabaseSync } from "node:sqlite";

/** How the next import ends: well; not at all, its answer never sent; done, its answer lost. */
type Ending = "well" | "undone" | "unanswered";

export class RemoteDatabase {
  readonly sqlite = new DatabaseSync(":memory:");
  /** All that was imported, one text each. */
  readonly imports: string[] = [];
  nextImport: Ending = "well";
  readonly #server: Server;
  #upload = "";

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<RemoteDatabase> {
    const remote = new RemoteDatabase();
    await new Promise<void>((resolve) => remote.#server.listen(0, "127.0.0.1", resolve));
    return remote;
  }

  /** What leads wrangler here. */
  get environment(): Record<string, string> {
    return {
      CLOUDFLARE_API_BASE_URL: `${this.#origin}/client/v4`,
      CLOUDFLARE_API_TOKEN: "token",
      CLOUDFLARE_ACCOUNT_ID: "account",
    };
  }

  [Symbol.dispose](): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get #origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const result = await this.#answer(request);
    if (result === null) {
      request.socket.destroy();
      return;
    }
    const etag = createHash("md5").update(this.#upload).digest("hex");
    response.setHeader("ETag", `"${etag}"`);
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ success: true, errors: [], messages: [], result }));
  }

  /** The result, or null where none is to come. */
  async #answer(request: IncomingMessage): Promise<unknown> {
    const body = await textOf(request);
    const [path = ""] = (request.url ?? "").split("?");
    if (path === "/upload") {
      this.#upload = body;
      return {};
    }
    const { sql, action } = JSON.parse(body === "" ? "{}" : body) as {
      sql?: string;
      action?: string;
    };
    if (path.endsWith("/query") && sql !== undefined) {
      return [{ success: true, results: this.sqlite.prepare(sql).all(), meta: { duration: 0 } }];
    }
    if (path.endsWith("/import") && action === "init") {
      return { success: true, upload_url: `${this.#origin}/upload`, filename: "f" };
    }
    if (path.endsWith("/import") && action === "ingest") {
      return this.#import();
    }
    return { uuid: "00000000-0000-0000-0000-000000000000", name: "stowage" };
  }

  #import(): object | null {
    const ending = this.nextImport;
    this.nextImport = "well";
    this.imports.push(this.#upload);
    this.sqlite.exec("BEGIN");
    try {
      this.sqlite.exec(this.#upload);
      this.sqlite.exec(ending === "undone" ? "ROLLBACK" : "COMMIT");
    } catch (error) {
      this.sqlite.exec("ROLLBACK");
      return { success: true, status: "error", messages: [], errors: [String(error)] };
    }
    const meta = { duration: 0, rows_read: 0, rows_written: 0, size_after: 0 };
    const result = { num_queries: 1, final_bookmark: "b", meta };
    return ending === "well" ? { success: true, status: "complete", messages: [], result } : null;
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) {
    pieces.push(piece as Buffer);
  }
  return Buffer.concat(pieces).toString();
}
