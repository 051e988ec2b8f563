import type { BareEnv } from "./object.ts";

/** Sends a file, or the one range that is asked for: one statement, one read. */
export async function sendFile(
  env: BareEnv,
  path: string,
  range: string | null,
): Promise<Response> {
  const file = await env.DB.prepare("SELECT key, size FROM files WHERE path = ?1")
    .bind(path)
    .first<{ key: string; size: number }>();
  if (file === null) {
    return new Response(null, { status: 404 });
  }
  const [, first, last] = /^bytes=(\d+)-(\d+)$/u.exec(range ?? "") ?? [];
  const offset = Number(first ?? 0);
  const length = last === undefined ? file.size : Number(last) - offset + 1;
  const object = await env.BUCKET.get(file.key, { range: { offset, length } });
  if (object === null) {
    return new Response(null, { status: 404 });
  }
  const { readable, writable } = new FixedLengthStream(length);
  void object.body.pipeTo(writable);
  return new Response(readable, {
    status: last === undefined ? 200 : 206,
    headers: { "Content-Type": "application/octet-stream" },
  });
}

/** Stores one object. */
export async function fillObject(request: Request, env: BareEnv, key: string): Promise<Response> {
  await env.BUCKET.put(key, request.body);
  return new Response(null, { status: 201 });
}

/** Cuts a body into objects of one size, named by their number. */
export async function fillObjects(
  request: Request,
  env: BareEnv,
  prefix: string,
): Promise<Response> {
  const url = new URL(request.url);
  const size = Number(url.searchParams.get("size"));
  const first = Number(url.searchParams.get("first"));
  const bytes = new Uint8Array(await request.arrayBuffer());
  const puts: Promise<unknown>[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    puts.push(env.BUCKET.put(`${prefix}${first + at / size}`, bytes.slice(at, at + size)));
  }
  await Promise.all(puts);
  return new Response(null, { status: 201 });
}
