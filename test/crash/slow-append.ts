import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

const PIECE = 512 * 1024;
const PAUSE_MS = 25;

/** An append whose bytes arrive little by little, so that a crash meets it in the middle. */
export async function appendSlowly(
  origin: string,
  uuid: string,
  bytes: Uint8Array,
  bearer: string,
): Promise<Response> {
  const sent = request(`${origin}/upload/${uuid}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${bearer}`, "Content-Length": bytes.length },
  });
  const answered = new Promise<Response>((resolve, reject) => {
    sent.once("error", reject);
    sent.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.once("error", reject);
      response.once("end", () => {
        const id = response.headers["x-request-id"];
        const headers = typeof id === "string" ? { "X-Request-Id": id } : {};
        resolve(new Response(text, { status: response.statusCode ?? 500, headers }));
      });
    });
  });
  answered.catch(() => {}); // it may fail while bytes are still being written
  for (let at = 0; at < bytes.length && !sent.destroyed; at += PIECE) {
    sent.write(bytes.subarray(at, at + PIECE));
    await delay(PAUSE_MS);
  }
  sent.end();
  return answered;
}
