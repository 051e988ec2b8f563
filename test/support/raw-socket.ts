// A connection on which a test writes what no HTTP client would.

import { connect } from "node:net";
import type { Socket } from "node:net";

/** Opens a connection to a service. It may be reset at any time, which is no error here. */
export async function openSocket(origin: string): Promise<Socket> {
  const { hostname, port } = new URL(origin);
  const socket = connect({
    host: hostname,
    port: Number(port),
    noDelay: true,
    allowHalfOpen: true,
  });
  socket.on("error", () => {});
  await new Promise((resolve) => {
    socket.once("connect", resolve);
  });
  return socket;
}

/** Everything that comes back until the service closes the connection, or no more than so many milliseconds. */
export async function readAll(socket: Socket, limitMs = 10_000): Promise<string> {
  const timer = setTimeout(() => socket.destroy(), limitMs);
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of socket) {
      chunks.push(chunk as Buffer);
    }
  } catch {
    // Reset: what came before is the answer.
  }
  clearTimeout(timer);
  socket.destroy();
  return Buffer.concat(chunks).toString("latin1");
}

/** The head of a request, from its lines. */
export function headOf(...lines: string[]): Buffer {
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

/** Sends bytes on a connection of their own; gives the whole answer as text, empty when there is none. */
export async function exchange(origin: string, bytes: Uint8Array): Promise<string> {
  const socket = await openSocket(origin);
  socket.write(bytes);
  return readAll(socket);
}

/** The status of an answer as text; 0 for none. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /u.exec(answer)?.[1] ?? 0);
}
