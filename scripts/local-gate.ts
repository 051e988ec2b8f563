// The Worker in front of Stowage under `npm start`. The runtime has routes of its own below /cdn-cgi/ for whoever reaches
// its port (the bytes in R2, the cron). It looks for them after it put the path of its option `upstream` in front of
// every path, so no address leads there; this Worker takes that path away again.
//
// It also reads a body that Stowage does not want, as Cloudflare's edge does: a client that writes before it reads would
// find its connection closed where the answer should be.

interface Bindings {
  STOWAGE: Fetcher;
  /** The path of `upstream`, which begins with a slash and ends without one. */
  PREFIX: string;
}

/** The runtime puts there what the client sent as Host. */
const ASKED_HOST = "MF-Original-Hostname";

/** Bytes of a body that are read at a time. */
const CHUNK = 256 * 1024;

/** Bytes that are read of a body that is not wanted: more than a request may have on Cloudflare. */
const UNWANTED = 128 * 1024 * 1024;

export default {
  async fetch(request, { STOWAGE, PREFIX }) {
    const asked = new Request(askedUrl(request, PREFIX), request);
    asked.headers.set("Host", request.headers.get(ASKED_HOST) ?? "");
    asked.headers.delete(ASKED_HOST);
    const { body, headers, method } = asked;
    // Who sends Expect reads the answer before it sends the body. That of a GET no Request can be made with, only keep.
    if (body === null || headers.has("Expect") || method === "GET" || method === "HEAD") {
      return STOWAGE.fetch(asked);
    }
    const length = headers.get("Content-Length");
    const { readable, writable } =
      length === null ? new IdentityTransformStream() : new FixedLengthStream(Number(length));
    const answer = STOWAGE.fetch(new Request(asked, { method, body: readable }));
    await passOn(body, writable, answer);
    return answer;
  },
} satisfies ExportedHandler<Bindings>;

/** The URL that the client asked for; `https` only where a proxy in front says so, as the runtime has it. */
function askedUrl(request: Request, prefix: string): string {
  const { pathname, search } = new URL(request.url);
  const scheme = request.headers.get("X-Forwarded-Proto") === "https" ? "https" : "http";
  return `${scheme}://${request.headers.get(ASKED_HOST)}${pathname.slice(prefix.length)}${search}`;
}

/** Gives a body to whoever answers, every byte that came, and reads the rest of it once it is not wanted any more. */
async function passOn(
  body: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array>,
  answer: Promise<Response>,
): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  const writer = writable.getWriter();
  const no = () => false;
  const answered = answer.then(no, no);
  let isWanted = true;
  let unwanted = 0;
  let buffer = new ArrayBuffer(CHUNK);
  try {
    while (unwanted < UNWANTED) {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (done) {
        break;
      }
      if (isWanted) {
        const taken = writer.write(value).then(() => true, no);
        isWanted = await Promise.race([taken, answered]);
      } else {
        unwanted += value.byteLength;
      }
      buffer = value.buffer;
    }
  } catch (error) {
    await writer.abort(error).catch(no); // the client went away
    return;
  }
  await reader.cancel();
  await (isWanted ? writer.close() : writer.abort()).catch(no);
}
