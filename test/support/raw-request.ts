// One HTTP request as it is written here. fetch() tidies paths, joins headers, undoes compression and
// does not tell a body that was cut off from one that failed.

import { request } from "node:http";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";

import { ReplyCheck } from "./reply-check.ts";

export interface RawReply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** Did the body end as the protocol says, with its last byte or chunk? */
  isComplete: boolean;
}

/** Sends a request on a connection of its own; an array of values is as many headers. Rejects when the API
 * document does not describe the reply. */
export function rawRequest(
  origin: string,
  path: string,
  init: { method?: string; headers?: OutgoingHttpHeaders; body?: string } = {},
): Promise<RawReply> {
  const { method = "GET", headers = {}, body = "" } = init;
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers, agent: false }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on("data", (chunk: Buffer) => chunks.push(chunk));
      reply.on("error", () => {}); // "close" follows, with `complete` false
      reply.on("close", () => {
        const { statusCode: status = 0, complete: isComplete } = reply;
        const seen = { status, headers: reply.headers, body: Buffer.concat(chunks), isComplete };
        try {
          check(method, path, seen);
          resolve(seen);
        } catch (error) {
          reject(error);
        }
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const replies = new ReplyCheck();

function check(
  method: string,
  path: string,
  { status, headers, body, isComplete }: RawReply,
): void {
  const contentType = headers["content-type"] ?? null;
  const isJson = contentType === "application/json" && isComplete && method !== "HEAD";
  if (headers["x-request-id"] !== undefined) {
    const json = isJson ? body.toString() : null;
    replies.check({ method, path, status, contentType, json, sent: null });
  }
}
