// The service as its clients see it, called in this process: requests go through the whole application, to real
// upload objects, D1 and R2. Time is moved by hand.

import { env } from "cloudflare:workers";

import { signAccessToken } from "../../../src/auth/access-tokens.ts";
import { request } from "../support/watched-worker.ts";

const realNow = Date.now;
// Alarms are set by this clock and fire by the platform's: here only when a command runs them.
let ahead = 30 * 24 * 3_600_000;

/** Takes the clock over. */
export function takeClock(): void {
  Date.now = () => realNow() + ahead;
}

export function moveClock(milliseconds: number): void {
  ahead += milliseconds;
}

/** A workspace with the key that its requests are made with. */
export interface Client {
  id: number;
  name: string;
  quota: number | null;
}

let clients = 0;

/** Makes a workspace of each quota, with a key. */
export async function makeClients(quotas: readonly (number | null)[]): Promise<Client[]> {
  const named = quotas.map((quota) => ({ name: `model-${(clients += 1)}`, quota }));
  const rows = await env.DB.batch<{ id: number }>(
    named.flatMap(({ name, quota }) => [
      env.DB.prepare(
        "INSERT INTO workspaces (name, quota_bytes, created_at) VALUES (?1, ?2, 0) RETURNING id",
      ).bind(name, quota),
      env.DB.prepare(
        `INSERT INTO workspace_keys (workspace_id, name, secret_hash, nonce, created_at)
         SELECT id, 'ci', 'none', 'nonce', 0 FROM workspaces WHERE name = ?1 RETURNING workspace_id AS id`,
      ).bind(name),
    ]),
  );
  return named.map((client, index) => ({ ...client, id: rows[2 * index]?.results[0]?.id ?? 0 }));
}

/** An answer that was read to its end. */
export interface Answer {
  /** 599: the connection broke off in its body. */
  status: number;
  headers: Headers;
  body: Uint8Array;
}

export interface Sent {
  method?: string;
  headers?: Record<string, string>;
  /** Bytes, or what is sent as JSON. */
  body?: Uint8Array | ReadableStream | object;
}

/** Sends a request of a workspace and reads the answer. */
export async function send(client: Client, path: string, sent: Sent = {}): Promise<Answer> {
  const { method = "GET", body } = sent;
  const subject = { workspace: client.name, keyName: "ci", nonce: "nonce" };
  const bearer = await signAccessToken(subject, env.TOKEN_SECRET, Date.now());
  const raw = body === undefined || isRaw(body) ? (body ?? null) : encode(JSON.stringify(body));
  const response = await request(path, { method, bearer, headers: sent.headers ?? {}, body: raw });
  try {
    const read = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, headers: response.headers, body: read };
  } catch {
    return { status: 599, headers: response.headers, body: new Uint8Array() };
  }
}

function isRaw(body: object): body is Uint8Array | ReadableStream {
  return body instanceof Uint8Array || body instanceof ReadableStream;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** An answer's JSON, of the form that the API document gives it. */
export function jsonOf({ body }: Answer) {
  return JSON.parse(new TextDecoder().decode(body));
}

/** An answer in one line, for what went wrong. */
export function describeAnswer({ status, body }: Answer): string {
  return `${status} ${new TextDecoder().decode(body.subarray(0, 300))}`;
}
