// An HTTP proxy in front of the service that fails as told, so that real clients meet what real networks do.

import { createServer, request } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the proxy does to one request: answers in the service's place, before or after the service saw the
 * request, or cuts the service's answer off after so many bytes of its body, with 0 before its headers. */
export type Fault =
  | { kind: "refuse"; status: number; forward: "first" | "never" }
  | { kind: "cut"; after: number };

/** Decides about the `nth` request (from 1) of those with this method and path; null lets it through. */
export type Plan = (method: string, path: string, nth: number) => Fault | null;

export interface SeenRequest {
  method: string;
  path: string;
  bodyBytes: number;
  status: number;
}

/** Starts a proxy of `origin`. */
export async function startFlakyProxy(origin: string, plan: Plan) {
  const seen: SeenRequest[] = [];
  const counts = new Map<string, number>();
  const server = createServer((incoming, outgoing) => {
    const { method = "", url = "" } = incoming;
    const nth = (counts.get(`${method} ${url}`) ?? 0) + 1;
    counts.set(`${method} ${url}`, nth);
    handle(origin, incoming, outgoing, plan(method, url, nth)).then(
      (outcome) => seen.push({ method, path: url, ...outcome }),
      () => outgoing.destroy(),
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    seen,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function handle(
  origin: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fault: Fault | null,
): Promise<Pick<SeenRequest, "bodyBytes" | "status">> {
  const body = await bytesOf(incoming);
  if (fault?.kind === "refuse" && fault.forward === "never") {
    return refuse(outgoing, fault.status, body.length);
  }
  const answer = await forward(origin, incoming, body);
  if (fault?.kind === "refuse") {
    answer.resume();
    return refuse(outgoing, fault.status, body.length);
  }
  const status = answer.statusCode ?? 0;
  let left = fault?.after ?? Infinity;
  if (left === 0) {
    answer.resume();
    outgoing.destroy();
    return { bodyBytes: body.length, status };
  }
  outgoing.writeHead(status, throughProxy(answer.headers, origin, incoming.headers.host ?? ""));
  for await (const chunk of answer) {
    const piece = (chunk as Buffer).subarray(0, left);
    left -= piece.length;
    if (!outgoing.write(piece)) {
      await new Promise((resolve) => {
        outgoing.once("drain", resolve).once("close", resolve);
      });
    }
    if (left === 0) {
      outgoing.destroy();
      return { bodyBytes: body.length, status };
    }
  }
  outgoing.end();
  return { bodyBytes: body.length, status };
}

/** Leads on through the proxy. */
function throughProxy(headers: IncomingHttpHeaders, origin: string, host: string) {
  const { location } = headers;
  return location === undefined
    ? headers
    : { ...headers, location: location.replace(origin, `http://${host}`) };
}

function refuse(outgoing: ServerResponse, status: number, bodyBytes: number) {
  outgoing.writeHead(status, { "Content-Type": "application/json" });
  outgoing.end(JSON.stringify({ error: "refused by the proxy", status }));
  return { bodyBytes, status };
}

function forward(origin: string, incoming: IncomingMessage, body: Buffer) {
  const { method, url, headers } = incoming;
  const { hostname, port, host } = new URL(origin);
  return new Promise<IncomingMessage>((resolve, reject) => {
    request({ hostname, port, method, path: url, headers: { ...headers, host } }, resolve)
      .on("error", reject)
      .end(body);
  });
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
