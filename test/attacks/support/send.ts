// One request on a connection of its own, whatever becomes of it: an attack does not share connections with the next one.

import { request } from "node:http";

import { service } from "./target.ts";

const { hostname, port } = new URL(service.origin);

export interface Sent {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array | null;
}

/** The status of the answer; 0 when none came. */
export function send({ method, path, headers = {}, body = null }: Sent): Promise<number> {
  const length = body === null ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
  const options = {
    hostname,
    port,
    method,
    path,
    headers: { ...headers, ...length },
    agent: false,
  };
  return new Promise((resolve) => {
    const sent = request(options, (reply) => {
      reply.resume().on("close", () => resolve(reply.complete ? (reply.statusCode ?? 0) : 0));
    });
    sent.on("error", () => resolve(0));
    sent.end(body);
  });
}
