// A client that costs little, because it shares the processors with what it measures: bodies are sent from memory,
// and a download is read by the kernel straight into memory that is there already, to be looked at afterwards.

import { once } from "node:events";
import { Agent, request } from "node:http";
import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { connect } from "node:net";

import type { Content } from "./content.ts";

const READ = 1024 * 1024;

/** An answer. */
export interface Answer {
  status: number;
  /** The header of that name; '' where there is none. */
  location: string;
  body: Buffer;
  ms: number;
}

/** What is sent. */
export interface Call {
  method?: string;
  headers?: OutgoingHttpHeaders;
  body?: Buffer | string;
  /** Over a connection of its own: one that stayed may be closed in the moment of its use. */
  isAlone?: boolean;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Makes one request, over a connection that stays unless it is to be alone. */
export function send(
  url: string,
  { method = "GET", headers = {}, body, isAlone = false }: Call = {},
) {
  return new Promise<Answer>((resolve, reject) => {
    const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
    const began = performance.now();
    const outgoing = request(url, {
      method,
      agent: isAlone ? false : agent,
      headers: { ...headers, ...length },
    });
    outgoing.once("error", reject);
    outgoing.once("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () => {
        const ms = performance.now() - began;
        resolve({
          status: response.statusCode ?? 0,
          location: response.headers.location ?? "",
          body: Buffer.concat(chunks),
          ms,
        });
      });
    });
    outgoing.end(body);
  });
}

/** The same; throws unless the answer has the status. */
export async function expectStatus(status: number, url: string, call: Call = {}): Promise<Answer> {
  const answer = await send(url, call);
  if (answer.status !== status) {
    const text = answer.body.toString().slice(0, 500);
    throw new Error(`${call.method ?? "GET"} ${url}: ${answer.status} ${text}`);
  }
  return answer;
}

/** Puts a content without having it in memory twice. */
export async function sendPieces(url: string, content: Content): Promise<void> {
  const headers = { "Content-Length": content.size };
  const outgoing = request(url, { method: "PUT", agent, headers });
  const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
  for (let at = 0; at < content.size; at += READ) {
    if (!outgoing.write(content.read(at, READ))) {
      await once(outgoing, "drain");
    }
  }
  outgoing.end();
  const [response] = await answered;
  response.resume();
  if (response.statusCode !== 201) {
    throw new Error(`PUT ${url}: ${response.statusCode}`);
  }
}

/** What came of a download. Its body is valid until the next one. */
interface Download {
  body: Buffer;
  ms: number;
}

/** Memory for the largest answer, touched before it is timed. */
let arena = Buffer.alloc(READ, 1);

/** Downloads something of at most `most` bytes over a connection of its own. */
export async function download(url: string, most: number): Promise<Download> {
  const room = most + most / 1024 + 2 * READ; // chunks have headers
  if (arena.length < room) {
    arena = Buffer.alloc(room, 1);
  }
  const { length, ms } = await receive(new URL(url), arena);
  return { body: readAnswer(arena.subarray(0, length), url), ms };
}

/** Asks for something and leaves with the first byte of its body; gives the milliseconds until then. */
export async function firstByte(url: string): Promise<number> {
  const { length, firstByteMs } = await receive(new URL(url), arena, true);
  readHead(arena.subarray(0, length), url);
  return firstByteMs;
}

interface Received {
  length: number;
  firstByteMs: number;
  ms: number;
}

/** Reads until the end, or only until the body begins. */
function receive(
  { hostname, port, pathname, search }: URL,
  into: Buffer,
  leaveEarly = false,
): Promise<Received> {
  return new Promise((resolve, reject) => {
    let length = 0;
    let firstByteMs = 0;
    let began = 0;
    const socket = connect({
      host: hostname,
      port: Number(port),
      onread: {
        // Node asks for the place of the next read.
        buffer: () => into.subarray(length, length + READ),
        callback: (count) => {
          length += count;
          if (firstByteMs === 0 && bodyLength(into.subarray(0, length)) > 0) {
            firstByteMs = performance.now() - began;
            if (leaveEarly) {
              socket.destroy();
            }
          }
          return true;
        },
      },
    });
    socket.once("error", reject);
    socket.once("connect", () => {
      began = performance.now();
      socket.write(
        `GET ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`,
      );
    });
    socket.once("close", () => resolve({ length, firstByteMs, ms: performance.now() - began }));
  });
}

function bodyLength(answer: Buffer): number {
  const end = answer.indexOf("\r\n\r\n");
  return end < 0 ? 0 : answer.length - end - 4;
}

/** The headers of an answer, which must be that all is well, and what follows them. */
function readHead(answer: Buffer, url: string): { head: string; body: Buffer } {
  const end = answer.indexOf("\r\n\r\n");
  const head = answer.subarray(0, end).toString("latin1");
  const body = answer.subarray(end + 4);
  if (!head.startsWith("HTTP/1.1 200 ")) {
    throw new Error(`GET ${url}: ${head.split("\r\n")[0] ?? ""} ${body.toString().slice(0, 300)}`);
  }
  return { head, body };
}

/** The body of an answer, without the headers of its chunks. */
function readAnswer(answer: Buffer, url: string): Buffer {
  const { head, body } = readHead(answer, url);
  if (/^transfer-encoding: chunked/imu.test(head)) {
    return joinChunks(body);
  }
  const length = Number(/^content-length: (\d+)/imu.exec(head)?.[1]);
  if (body.length !== length) {
    throw new Error(`GET ${url}: ${body.length} bytes of ${length}`);
  }
  return body;
}

/** Moves the bytes of all chunks together, in place (RFC 9112 §7.1). */
function joinChunks(body: Buffer): Buffer {
  let at = 0;
  let length = 0;
  for (;;) {
    const line = body.indexOf("\r\n", at);
    const size = Number.parseInt(body.subarray(at, line).toString("latin1"), 16);
    if (line < 0 || Number.isNaN(size)) {
      throw new Error("The answer broke off");
    }
    if (size === 0) {
      return body.subarray(0, length);
    }
    body.copy(body, length, line + 2, line + 2 + size);
    length += size;
    at = line + 2 + size + 2;
  }
}

/** What came of many requests. */
interface Load {
  ms: number;
  /** Of each request, in ascending order. */
  latencies: number[];
}

/** Runs numbered requests from so many clients at once, each after its last one was answered. */
export async function load(
  clients: number,
  count: number,
  one: (number: number) => Promise<unknown>,
): Promise<Load> {
  const latencies: number[] = [];
  let next = 0;
  const client = async () => {
    for (let number = next++; number < count; number = next++) {
      const began = performance.now();
      await one(number);
      latencies.push(performance.now() - began);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: clients }, client));
  return { ms: performance.now() - began, latencies: latencies.toSorted((a, b) => a - b) };
}

/** The latency that a share of the requests did not exceed. */
export function percentile({ latencies }: Load, share: number): number {
  return latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
}

/** Ends the connections that stayed open. */
export function closeConnections(): void {
  agent.destroy();
}
