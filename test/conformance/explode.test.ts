// POST /artifacts/upload/<name> with `explode` (docs/conformance.md, Shaken Fist), with archives that real tools
// make. Crashes in the middle are tested in test/unit/uploads/explode.test.ts.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { refusalOf } from "../support/answers.ts";
import { makeFolder, runTool } from "../support/run-tool.ts";
import { startService } from "../support/service.ts";
import type { ArtifactBody, RunningService } from "../support/service.ts";
import { END, join as joinBytes, member } from "../unit/archive/make-tar.ts";

type ExplodedBody = ArtifactBody & { error_message: string | null };

let service: RunningService;
let token: string;

/** What lies in the folder that is packed, by path; two files have the same content. */
const files = new Map(
  ["readme.txt", "src/a.txt", "src/copy of a.txt", "src/deep/er/📦.bin", "empty", "large.bin"].map(
    (path) => [path, contentOf(path)],
  ),
);

function contentOf(path: string): Uint8Array<ArrayBuffer> {
  const size = path === "empty" ? 0 : path === "large.bin" ? 8_400_000 : 700;
  const seed = path.endsWith("a.txt") ? 7 : path.length;
  return Uint8Array.from({ length: size }, (_, at) => (at * seed + (at >> 9)) % 251);
}

beforeAll(async () => {
  service = await startService();
  token = await service.makeWorkspace("ci", { public: true });
});

afterAll(() => service[Symbol.asyncDispose]());

async function upload(bytes: Uint8Array): Promise<string> {
  const uuid = await service.openUpload(token);
  await service.append(uuid, bytes as Uint8Array<ArrayBuffer>, token);
  return uuid;
}

function explode(uuid: string, name: string, more: object = {}): Promise<Response> {
  const body = { upload_uuid: uuid, explode: true, ...more };
  return service.send("POST", `/artifacts/upload/${name}`, body, token);
}

/** The artifact as soon as nothing goes on with it. */
async function settled(uuid: string): Promise<ExplodedBody> {
  for (let round = 0; round < 500; round += 1) {
    const busy = await service.env.DB.prepare(
      "SELECT 1 FROM artifacts WHERE uuid = ?1 AND fetching IS NOT NULL",
    )
      .bind(uuid)
      .first();
    if (busy === null) {
      break;
    }
    await sleep(20);
  }
  return service.json("GET", `/artifacts/${uuid}`, undefined, token);
}

async function exploded(name: string, archive: Uint8Array): Promise<ExplodedBody> {
  const begun = await explode(await upload(archive), name);
  expect(begun.status).toBe(200);
  return settled(((await begun.json()) as ExplodedBody).uuid);
}

/** A folder with `files` in it, packed. */
async function pack(folder: string): Promise<Uint8Array> {
  for (const [path, bytes] of files) {
    mkdirSync(join(folder, "in", path, ".."), { recursive: true });
    writeFileSync(join(folder, "in", path), bytes);
  }
  await runTool("tar", "-cf", join(folder, "a.tar"), "-C", join(folder, "in"), ".");
  return readFileSync(join(folder, "a.tar"));
}

/** What lies directly in the folder that was packed. */
function inside(folder: string): string[] {
  return readdirSync(join(folder, "in")).map((name) => join(folder, "in", name));
}

/** The R2 objects of an upload. */
async function stored(uuid: string): Promise<{ keys: string[] }> {
  const { objects } = await service.env.BUCKET.list({ prefix: `uploads/${uuid}/` });
  return { keys: objects.map(({ key }) => key) };
}

/** The number of rows or objects that would be left behind. */
async function leftovers(): Promise<object> {
  const row = await service.env.DB.prepare(
    `SELECT (SELECT count(*) FROM versions) AS versions, (SELECT count(*) FROM object_refs) AS refs,
       (SELECT count(*) FROM contents) AS contents, (SELECT count(*) FROM garbage) AS garbage`,
  ).first();
  return row ?? {};
}

/** What the listing of an artifact's root says, and the bytes of each of its files. */
async function listingOf(artifact: ExplodedBody) {
  const headers = { Accept: "application/json" };
  const reply = await service.fetch(`/a/${artifact.id}/`, { headers });
  const { entries, left_out: leftOut } = (await reply.json()) as {
    entries: { type: string; path: string; url: string }[];
    left_out?: { count: number; members: { path: string; reason: string }[] };
  };
  const bytes: Record<string, string> = {};
  for (const { type, path, url } of entries) {
    bytes[path] = type === "folder" ? "" : await (await service.fetch(url)).text();
  }
  return { bytes, leftOut, entries };
}

/** A tree of links and what is no file, as real tools pack it. */
const TREE = `
mkdir -p lib bin empty/below
echo ELF > lib/z.so.1
ln -s z.so.1 lib/z.so
ln lib/z.so.1 bin/hard
ln -s ../lib/z.so bin/soft
ln -s lib lib64
ln -s /opt/elsewhere outside
ln -s gone dangling
mkfifo pipe`;

const TREE_BYTES = {
  "bin/": "",
  "bin/hard": "ELF\n",
  "bin/soft": "ELF\n",
  "empty/": "",
  "empty/below/": "",
  "lib/": "",
  "lib/z.so": "ELF\n",
  "lib/z.so.1": "ELF\n",
};
const TREE_LEFT_OUT = [
  { path: "dangling", reason: "is a link that leads nowhere" },
  { path: "lib64", reason: "is a link to a folder" },
  { path: "outside", reason: "is a link that leads out of the archive" },
];

describe("an archive with links and with what is no file", () => {
  it.each([
    ["tar", "tar -cf ../packed ."],
    ["tar.gz of bsdtar", "bsdtar -czf ../packed ."],
    ["zip", "zip -qry ../packed.zip . -x pipe && mv ../packed.zip ../packed"],
  ])("of a %s becomes files, and the artifact tells what was left out", async (name, packed) => {
    await using folder = await makeFolder();
    mkdirSync(join(folder.path, "in"));
    await runTool("sh", "-c", `set -e; cd '${folder.path}/in'\n${TREE}\n${packed}`);
    const archive = readFileSync(join(folder.path, "packed"));
    const artifact = await exploded(`links of ${name}`, archive);
    expect(artifact).toMatchObject({ state: "created", error_message: null });
    const { bytes, leftOut } = await listingOf(artifact);
    expect(bytes).toEqual(TREE_BYTES);
    const wanted = [
      ...TREE_LEFT_OUT,
      ...(name === "zip" ? [] : [{ path: "./pipe", reason: "is a fifo" }]),
    ];
    expect(leftOut?.count).toBe(wanted.length);
    expect(new Set(leftOut?.members)).toEqual(new Set(wanted));
    const page = await (await service.fetch(`/a/${artifact.id}/`)).text();
    expect(page).toContain(`${wanted.length} members of the archive left out`);
    expect(page).toContain("leads out of the archive");
    const again = await service.fetch(`/a/${artifact.id}/lib/`);
    expect(await again.text()).not.toContain("left out");
  });

  it.each([
    ["tar", "tar -cf ../packed ."],
    ["tar.gz", "tar -czf ../packed ."],
    ["zip", "zip -qr ../packed.zip . && mv ../packed.zip ../packed"],
  ])("of a %s keeps what may be executed, times and empty folders", async (name, packed) => {
    await using folder = await makeFolder();
    mkdirSync(join(folder.path, "in"));
    const make = `mkdir -p logs/today sub/a; echo 1 > run; chmod 755 run; touch -d @1000000000 run; echo 2 > sub/b`;
    await runTool("sh", "-c", `set -e; cd '${folder.path}/in'\n${make}\n${packed}`);
    const archive = readFileSync(join(folder.path, "packed"));
    const artifact = await exploded(`attributes of ${name}`, archive);
    const { entries } = await listingOf(artifact);
    expect(entries.find(({ path }) => path === "run")).toMatchObject({
      executable: true,
      modified_at: "2001-09-09T01:46:40.000Z",
    });
    expect(entries.find(({ path }) => path === "sub/b")).not.toHaveProperty("executable");
    for (const [format, unpack] of [
      ["tar", "tar -xf"],
      ["tar.gz", "bsdtar -xf"],
      ["zip", "unzip -q"],
    ]) {
      const reply = await service.fetch(`/a/${artifact.id}/?archive=${format}`);
      const bytes = Buffer.from(await reply.arrayBuffer());
      const length = reply.headers.get("content-length");
      expect(length === null || Number(length) === bytes.length).toBe(true);
      writeFileSync(join(folder.path, `back.${format}`), bytes);
      const out = join(folder.path, `out-${format}`);
      mkdirSync(out);
      const shown = await runTool(
        "sh",
        "-c",
        `cd '${out}' && ${unpack} '../back.${format}' && stat -c '%n %a %Y' run sub/b && find . -type d -empty | sort`,
      );
      expect([format, shown.output.replaceAll(/(?<=644 )\d+/gu, "…")]).toEqual([
        format,
        "run 755 1000000000\nsub/b 644 …\n./logs/today\n./sub/a\n",
      ]);
    }
    const begin = await service.fetch(`/a/${artifact.id}/?archive=zip`, {
      headers: { Range: "bytes=20-99" },
    });
    const whole = readFileSync(join(folder.path, "back.zip"));
    expect(Buffer.from(await begin.arrayBuffer()).equals(whole.subarray(20, 100))).toBe(true);
  });

  it.each([
    ["a tar", (tar: Uint8Array) => tar],
    ["a tar.gz", (tar: Uint8Array) => gzipSync(tar)],
  ])("of %s is refused where `strict` asks for it, and taken without", async (what, to) => {
    const archive = to(
      joinBytes(
        member({ name: "a" }, "1"),
        member({ name: "b", type: "2", link: "a" }),
        member({ name: "../c" }, "3"),
        END,
      ),
    );
    const name = `strict ${what}`;
    const begun = await explode(await upload(archive), name, { strict: true });
    const failed = await settled(((await begun.json()) as ExplodedBody).uuid);
    expect(failed).toMatchObject({ state: "error" });
    expect(failed.error_message).toBe(
      "archive has members that cannot be kept as they are: 1 would be left out, '../c' of them has a path that holds an empty, '.' or '..' segment; 1 are links to files",
    );
    const { bytes, leftOut } = await listingOf(await exploded(name, archive));
    expect(bytes).toEqual({ a: "1", b: "1" });
    expect(leftOut?.count).toBe(1);
    const fine = joinBytes(member({ name: "a" }, "1"), END);
    const kept = await explode(await upload(to(fine)), `${name} fine`, { strict: true });
    expect(await settled(((await kept.json()) as ExplodedBody).uuid)).toMatchObject({
      state: "created",
    });
  });

  it("names a thousand of very many that are left out, and counts all", async () => {
    const devices = Array.from({ length: 3_000 }, (_, n) => member({ name: `d${n}`, type: "3" }));
    const artifact = await exploded("devices", joinBytes(...devices, END));
    const { leftOut, bytes } = await listingOf(artifact);
    expect(bytes).toEqual({});
    expect(leftOut?.count).toBe(3_000);
    expect(leftOut?.members).toHaveLength(1_000);
    expect(await (await service.fetch(`/a/${artifact.id}/`)).text()).toContain("and 2,000 others");
  });
});

describe("an upload that is exploded", () => {
  it("becomes an artifact of the members of a tar, each a part of the bytes that were uploaded", async () => {
    await using folder = await makeFolder();
    const before = await service.env.BUCKET.list();
    const artifact = await exploded("tree", await pack(folder.path));
    expect(artifact).toMatchObject({ state: "created", error_message: null });

    for (const [path, bytes] of files) {
      const url = `/a/${artifact.id}/${path.split("/").map(encodeURIComponent).join("/")}`;
      const response = await service.fetch(url);
      expect([path, response.status]).toEqual([path, 200]);
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
    }
    const part = await service.fetch(`/a/${artifact.id}/large.bin`, {
      headers: { Range: "bytes=8388000-8389999" },
    });
    expect(part.status).toBe(206);
    const expected = files.get("large.bin")?.subarray(8_388_000, 8_390_000);
    expect(Buffer.from(await part.arrayBuffer()).equals(expected ?? Buffer.of())).toBe(true);
    const { objects } = await service.env.BUCKET.list();
    expect(objects).toHaveLength(before.objects.length + 1);

    const whole = await service.fetch(`/a/${artifact.id}/?archive=tar.gz`);
    expect(whole.status).toBe(200);
    writeFileSync(join(folder.path, "back.tar.gz"), Buffer.from(await whole.arrayBuffer()));
    const compared = await runTool(
      ...(["tar", "-df", join(folder.path, "back.tar.gz"), "-C", join(folder.path, "in")] as const),
    );
    expect(compared.output.match(/(?:Contents|Size) differ|Cannot/gu)).toBeNull();
  });

  it.each(["tar.gz", "zip"])("becomes the members of a %s, unpacked", async (format) => {
    await using folder = await makeFolder();
    const tar = await pack(folder.path);
    const name = join(folder.path, "packed");
    await (format === "zip"
      ? runTool("python3", "-m", "zipfile", "-c", name, ...inside(folder.path))
      : runTool("sh", "-c", `gzip -c '${folder.path}/a.tar' > '${name}'`));
    const uuid = await upload(readFileSync(name));
    const begun = (await (await explode(uuid, format)).json()) as ExplodedBody;
    const artifact = await settled(begun.uuid);
    expect(artifact).toMatchObject({ state: "created", error_message: null });
    for (const [path, bytes] of files) {
      const url = `/a/${artifact.id}/${path.split("/").map(encodeURIComponent).join("/")}`;
      const body = Buffer.from(await (await service.fetch(url)).arrayBuffer());
      expect([path, body.equals(bytes)]).toEqual([path, true]);
    }
    expect(tar.length).toBeGreaterThan(readFileSync(name).length);
    expect(await (await explode(uuid, format)).json()).toMatchObject({ uuid: begun.uuid });
    const { keys } = await stored(uuid);
    expect(keys).toEqual([]);
  });

  it.each(["tar.gz", "zip"])("takes an almost empty image in a %s", async (format) => {
    const image = Buffer.alloc(24 << 20);
    image.write("boot");
    await using folder = await makeFolder();
    const [path, packed] = [join(folder.path, "disk.img"), join(folder.path, "packed")];
    writeFileSync(path, image);
    const tool =
      format === "zip" ? ["zip", "-qj", "-", path] : ["tar", "-cz", "-C", folder.path, "disk.img"];
    await runTool("sh", "-c", `"$@" > '${packed}'`, "sh", ...tool);
    const artifact = await exploded(`almost empty ${format}`, readFileSync(packed));
    expect(artifact).toMatchObject({ state: "created" });
    const body = await service.fetch(`/a/${artifact.id}/disk.img`);
    expect(Buffer.from(await body.arrayBuffer()).equals(image)).toBe(true);
  });

  it.each([
    ["a gzip that is cut off", (gz: Buffer) => gz.subarray(0, -9), "is cut off"],
    ["a gzip of something else", () => gzipSync("text".repeat(500)), "no valid header"],
    ["a zip that is cut off", () => Buffer.from("PK\x03\x04" + "x".repeat(2_000)), "no directory"],
  ])("is in state error for %s", async (what, make, reason) => {
    const before = await leftovers();
    const tar = joinBytes(member({ name: "x" }, new Uint8Array(2_000)), END);
    const artifact = await exploded(`packed ${what.length}`, make(gzipSync(tar)));
    expect(artifact).toMatchObject({ state: "error" });
    expect(artifact.error_message).toContain(reason);
    expect(await leftovers()).toEqual(before);
  });

  it("is refused at once where the same bytes were refused before", async () => {
    const twice = joinBytes(member({ name: "x" }, "1"), member({ name: "x/y" }, "2"), END);
    const first = await exploded("refused once", twice);
    const reason = "'x' is also the folder of 'x/y'";
    expect(first).toMatchObject({ state: "error", error_message: reason });
    const before = await leftovers();
    const again = await explode(await upload(twice), "refused twice");
    expect(await again.json()).toMatchObject({
      status: 400,
      error: "archive was refused before",
      detail: reason,
    });
    const found = await service.send("GET", "/artifacts/refused%20twice", undefined, token);
    expect(found.status).toBe(404);
    expect(await leftovers()).toEqual(before);
  });

  it("becomes the members of a tar of Unix V7, which has no magic word", async () => {
    await using folder = await makeFolder();
    await pack(folder.path);
    const name = join(folder.path, "v7.tar");
    await runTool("tar", "--format=v7", "-cf", name, "-C", join(folder.path, "in"), "src", "empty");
    const tar = readFileSync(name);
    expect(tar.includes("ustar")).toBe(false);
    const artifact = await exploded("v7", tar);
    expect(artifact).toMatchObject({ state: "created", error_message: null });
    const body = await (await service.fetch(`/a/${artifact.id}/src/a.txt`)).arrayBuffer();
    expect(Buffer.from(body).equals(files.get("src/a.txt") ?? Buffer.of())).toBe(true);
  });

  it("gives a repeat the same artifact, while it is exploded and after", async () => {
    const uuid = await upload(joinBytes(member({ name: "one" }, "1"), END));
    const replies = await Promise.all([explode(uuid, "again"), explode(uuid, "again")]);
    const [one, other] = await Promise.all(
      replies.map((reply) => reply.json() as Promise<ExplodedBody>),
    );
    expect(one?.uuid).toBe(other?.uuid);
    await settled(one?.uuid ?? "");
    expect(await (await explode(uuid, "again")).json()).toMatchObject({
      uuid: one?.uuid,
      state: "created",
    });
    expect((await explode(uuid, "different")).status).toBe(409);
    const plain = { upload_uuid: uuid };
    expect((await service.send("POST", "/artifacts/upload/again", plain, token)).status).toBe(409);
  });

  it("adds a version to the artifact that is there, and shares contents with the one before", async () => {
    const first = await exploded("versions", joinBytes(member({ name: "a" }, "same"), END));
    const archive = joinBytes(member({ name: "a" }, "same"), member({ name: "b" }, "new"), END);
    const second = await exploded("versions", archive);
    expect(second.uuid).toBe(first.uuid);
    const listed = await service.fetch(`/a/${second.id}/?archive=tar.gz`);
    expect(listed.status).toBe(200);
    const versions = await service.env.DB.prepare(
      "SELECT version_index FROM versions WHERE artifact_id = ?1 ORDER BY version_index",
    )
      .bind(first.id)
      .raw();
    expect(versions).toEqual([[1], [2]]);
    expect(await (await service.fetch(`/a/${second.id}/a`)).text()).toBe("same");
  });

  it.each([
    [
      "a part of another volume",
      [member({ name: "x" }, "1"), member({ name: "m", type: "M" }), END],
      "'m' is continued from another volume",
    ],
    [
      "a file that is a folder too",
      [member({ name: "d/e" }, "1"), member({ name: "d" }, "2"), END],
      "'d' is also the folder of 'd/e'",
    ],
    ["a tar that is cut off", [member({ name: "x" }, "1")], "without its end mark"],
  ])("is in state error for %s, and nothing else is left", async (what, parts, reason) => {
    const before = await leftovers();
    const artifact = await exploded(`wrong ${what.length}`, joinBytes(...parts));
    expect(artifact.state).toBe("error");
    expect(artifact.error_message).toContain(reason);
    expect(await leftovers()).toEqual(before);
  });

  it.each([
    ["tar", (tar: Uint8Array) => tar],
    ["tar.gz", (tar: Uint8Array) => gzipSync(tar)],
  ])(
    "is an upload again after a fault of the %s: it can become a plain artifact",
    async (as, to) => {
      const faulty = to(
        joinBytes(member({ name: "x" }, as), member({ name: "m", type: "M" }), END),
      );
      const uuid = await upload(faulty);
      const { objects } = await service.env.BUCKET.list();
      const failed = (await (await explode(uuid, `fault ${as}`)).json()) as ExplodedBody;
      expect(await settled(failed.uuid)).toMatchObject({ state: "error", progress: null });
      expect((await service.fetch(`/a/${failed.id}/`)).status).toBe(404);
      await expect
        .poll(() => service.fetch(`/upload/${uuid}`, { bearer: token }))
        .toHaveProperty("status", 200);
      const plain = await service.convert(uuid, `fault ${as}`, token);
      expect(plain).toMatchObject({ uuid: failed.uuid, state: "created", error_message: null });
      expect(
        await service.env.DB.prepare("SELECT uuid FROM uploads WHERE uuid = ?1").bind(uuid).first(),
      ).toBeNull();
      expect((await service.env.BUCKET.list()).objects).toHaveLength(objects.length + 1);
      expect((await service.fetch(`/a/${plain.id}/`)).status).toBe(200);
    },
  );

  it("shows how far it has come where the artifact is shown", async () => {
    const bad = await exploded("shown", joinBytes(member({ name: "m", type: "M" }), END));
    const uuid = await service.openUpload(token);
    const { DB } = service.env;
    await DB.batch([
      DB.prepare("INSERT INTO explosions VALUES (?1, 'reading', 2048, 4096, 3)").bind(uuid),
      DB.prepare("UPDATE artifacts SET state = 'initial', fetching = ?1 WHERE uuid = ?2").bind(
        uuid,
        bad.uuid,
      ),
    ]);
    const progress = { phase: "reading", bytes: 2048, total_bytes: 4096, files: 3 };
    expect(await service.json("GET", `/artifacts/${bad.uuid}`, undefined, token)).toMatchObject({
      state: "initial",
      progress,
    });
    const page = await service.fetch(`/a/${bad.id}/`, { headers: { Accept: "text/html" } });
    expect(page.status).toBe(406);
    expect(await page.text()).toContain(
      "reading an archive, 2 KiB of 4 KiB read, 3 files found so far",
    );
  });

  it("is refused at once when it is no archive, empty, a blob or somebody else's", async () => {
    const uuid = await upload(new TextEncoder().encode("text"));
    expect(await refusalOf(explode(uuid, "text"))).toEqual([
      400,
      "upload is no archive that can be exploded",
    ]);
    expect((await explode(await service.openUpload(token), "text")).status).toBe(400);
    const { blob_uuid: blob } = await service.convert(uuid, "text", token);
    const body = { blob_uuid: blob, explode: true };
    expect((await service.send("POST", "/artifacts/upload/text", body, token)).status).toBe(400);
    const stranger = await service.makeWorkspace("stranger");
    const theirs = { upload_uuid: await service.openUpload(stranger), explode: true };
    expect((await service.send("POST", "/artifacts/upload/text", theirs, token)).status).toBe(404);
  });
});
