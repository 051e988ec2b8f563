// The contents of all files below a prefix, one behind the other, without any header between them: what no archive
// can do without. The next objects are opened while one is sent, as many as R2 answers at once.

import type { BareEnv } from "./object.ts";

interface Stored {
  path: string;
  key: string;
  size: number;
}

const AHEAD = 6;
const PAGE = 500;
const SMALL = 64 * 1024;

/** Sends the run, through the runtime's gzip with `?gzip`. */
export async function sendArchive(
  request: Request,
  env: BareEnv,
  prefix: string,
): Promise<Response> {
  const isGzip = new URL(request.url).searchParams.has("gzip");
  const { readable, writable } = isGzip
    ? new IdentityTransformStream()
    : new FixedLengthStream(await totalSize(env, prefix));
  void sendAll(env, prefix, writable);
  const body = isGzip ? readable.pipeThrough(new CompressionStream("gzip")) : readable;
  return new Response(body, { headers: { "Content-Type": "application/octet-stream" } });
}

async function totalSize(env: BareEnv, prefix: string): Promise<number> {
  const total = await env.DB.prepare(
    "SELECT sum(size) AS total FROM files WHERE path >= ?1 AND path < ?1 || '~'",
  )
    .bind(prefix)
    .first<number>("total");
  return total ?? 0;
}

async function sendAll(
  env: BareEnv,
  prefix: string,
  to: WritableStream<Uint8Array>,
): Promise<void> {
  const output = new Output(to);
  for await (const opened of openAhead(env, prefix)) {
    await output.send(opened);
  }
  await output.flush();
  await to.close();
}

/** Joins what is small. */
class Output {
  readonly #to: WritableStream<Uint8Array>;
  #joined = new Uint8Array(SMALL);
  #filled = 0;

  constructor(to: WritableStream<Uint8Array>) {
    this.#to = to;
  }

  async send(opened: Uint8Array | ReadableStream): Promise<void> {
    if (!(opened instanceof Uint8Array)) {
      await opened.pipeTo(this.#to, { preventClose: true });
      return;
    }
    if (this.#filled + opened.length > SMALL) {
      await this.flush();
    }
    this.#joined.set(opened, this.#filled);
    this.#filled += opened.length;
  }

  async flush(): Promise<void> {
    const writer = this.#to.getWriter();
    await writer.write(this.#joined.subarray(0, this.#filled));
    writer.releaseLock();
    this.#filled = 0;
  }
}

/** @yields Bodies; the bytes of small ones. */
async function* openAhead(env: BareEnv, prefix: string) {
  const coming: Promise<Uint8Array | ReadableStream>[] = [];
  for await (const file of listFiles(env, prefix)) {
    coming.push(open(env, file));
    if (coming.length === AHEAD) {
      yield await (coming.shift() as Promise<Uint8Array | ReadableStream>);
    }
  }
  for (const last of coming) {
    yield await last;
  }
}

async function open(env: BareEnv, { key, size }: Stored): Promise<Uint8Array | ReadableStream> {
  const object = await env.BUCKET.get(key);
  if (object === null) {
    throw new Error(`No object ${key}`);
  }
  return size <= SMALL ? new Uint8Array(await object.arrayBuffer()) : object.body;
}

async function* listFiles(env: BareEnv, prefix: string): AsyncGenerator<Stored> {
  let after = prefix;
  for (;;) {
    const { results } = await env.DB.prepare(
      "SELECT path, key, size FROM files WHERE path > ?1 AND path < ?2 || '~' ORDER BY path LIMIT ?3",
    )
      .bind(after, prefix, PAGE)
      .all<Stored>();
    yield* results;
    after = results.at(-1)?.path ?? after;
    if (results.length < PAGE) {
      return;
    }
  }
}
