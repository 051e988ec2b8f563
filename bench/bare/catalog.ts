import type { BareEnv } from "./object.ts";

const PAGE = 50;
const BATCH = 5_000;

/** A page of entries as JSON: one statement. */
export async function listEntries(
  request: Request,
  env: BareEnv,
  artifact: string,
): Promise<Response> {
  const page = Number(new URL(request.url).searchParams.get("page") ?? 1);
  const { results } = await env.DB.prepare(
    `SELECT path, size, sha256, sha512 FROM entries
     WHERE artifact = ?1 AND ordinal > ?2 AND ordinal <= ?3 ORDER BY ordinal`,
  )
    .bind(artifact, (page - 1) * PAGE, page * PAGE)
    .all();
  return Response.json({ entries: results });
}

/** Inserts the files that a body names, in the order in which it names them, and answers with them. */
export async function createEntries(
  request: Request,
  env: BareEnv,
  artifact: string,
): Promise<Response> {
  const body: { files: Record<string, { size: number; checksums: { sha256: string } }> } =
    await request.json();
  const rows = Object.entries(body.files).map(([path, { size, checksums }], at) => ({
    ordinal: at + 1,
    path,
    size,
    sha256: checksums.sha256,
  }));
  const insert = env.DB.prepare(
    `INSERT INTO entries (artifact, ordinal, path, size, sha256)
     SELECT ?1, e.value ->> 'ordinal', e.value ->> 'path', e.value ->> 'size', e.value ->> 'sha256'
     FROM json_each(?2) e`,
  );
  for (let from = 0; from < rows.length; from += BATCH) {
    await insert.bind(artifact, JSON.stringify(rows.slice(from, from + BATCH))).run();
  }
  return Response.json({ files: body.files }, { status: 201 });
}

/** Stores a small file: one put, one statement. */
export async function putFile(request: Request, env: BareEnv, path: string): Promise<Response> {
  const bytes = await request.arrayBuffer();
  await env.BUCKET.put(path, bytes);
  await env.DB.prepare("INSERT OR REPLACE INTO files (path, key, size) VALUES (?1, ?1, ?2)")
    .bind(path, bytes.byteLength)
    .run();
  return new Response(null, { status: 201 });
}
