// What may be seen after a crash, against itself and against the journal.

import type { ArtifactBody, Service } from "../support/service.ts";
import { sha512 } from "./world.ts";
import type { World } from "./world.ts";

interface Access {
  service: Service;
  bearer: string;
}

/** Blobs whose bytes were read already: they do not change, but they may be lost, so the last look reads all. */
const known = new Set<string>();

/** Reads every artifact that shows: its bytes must have the digests that it states. Then what was acknowledged must be
 * among them. `all` reads again what was read before. */
export async function verify(world: World, access: Access, all: boolean): Promise<void> {
  if (all) {
    known.clear();
  }
  const listed = await access.service.json<ArtifactBody[]>(
    "GET",
    "/artifacts",
    undefined,
    access.bearer,
  );
  for (const { uuid, name, blobs } of listed) {
    for (const [index, { uuid: blob, size }] of Object.entries(blobs)) {
      await verifyBlob(world, access, { blob, size, of: `${name} ${uuid} version ${index}` });
    }
  }
  const seen = new Map(listed.map((artifact) => [artifact.uuid, artifact]));
  for (const [name, wanted] of world.artifacts) {
    if (!world.busy.has(name)) {
      await compare(world, access, { name, wanted, found: seen.get(wanted.uuid) });
    }
  }
  for (const [id, files] of world.bundles) {
    await verifyBundle(world, access, { id, files, all });
  }
}

async function compare(
  world: World,
  { service, bearer }: Access,
  {
    name,
    wanted,
    found,
  }: {
    name: string;
    wanted: { index: number; content: { size: number; sha512: string } };
    found: ArtifactBody | undefined;
  },
): Promise<void> {
  if (found?.index !== wanted.index) {
    world.problems.push(`${name} shows version ${found?.index}, acknowledged was ${wanted.index}`);
    return;
  }
  const blob = await service.json<{ size: number; sha512: string }>(
    "GET",
    `/blobs/${found.blob_uuid}`,
    undefined,
    bearer,
  );
  if (blob.sha512 !== wanted.content.sha512 || blob.size !== wanted.content.size) {
    world.problems.push(`${name} version ${wanted.index} is not what was sent`);
  }
}

async function verifyBlob(
  world: World,
  { service, bearer }: Access,
  { blob, size, of }: { blob: string; size: number; of: string },
): Promise<void> {
  if (known.has(blob)) {
    return;
  }
  known.add(blob);
  const stated = await service.json<{ sha512: string; size: number }>(
    "GET",
    `/blobs/${blob}`,
    undefined,
    bearer,
  );
  const response = await service.fetch(`/blobs/${blob}/data`, { bearer });
  const bytes = new Uint8Array(await response.arrayBuffer());
  world.verified += bytes.length;
  if (bytes.length !== size || stated.size !== size || sha512(bytes) !== stated.sha512) {
    world.problems.push(`${of}: its bytes are not those of blob ${blob}`);
  }
}

async function verifyBundle(
  world: World,
  { service, bearer }: Access,
  { id, files, all }: { id: number; files: ReadonlyMap<string, Buffer>; all: boolean },
): Promise<void> {
  if (!all && known.has(`bundle ${id}`)) {
    return;
  }
  known.add(`bundle ${id}`);
  for (const [path, wanted] of files) {
    const response = await service.fetch(`/a/${id}/${path}`, { bearer });
    const bytes = Buffer.from(await response.arrayBuffer());
    world.verified += bytes.length;
    if (response.status !== 200 || !bytes.equals(wanted)) {
      world.problems.push(`${path} of ${id} is not what was sent: ${response.status}`);
    }
  }
  const archive = await service.fetch(`/a/${id}/?archive=tar`, { bearer });
  const length = Number(archive.headers.get("Content-Length"));
  const read = (await archive.arrayBuffer()).byteLength;
  if (archive.status !== 200 || read !== length) {
    world.problems.push(`the archive of ${id} has ${read} of ${length} bytes`);
  }
}
