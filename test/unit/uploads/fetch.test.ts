import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, inject, it, vi } from "vitest";

import { catalogDesk } from "../../../src/artifacts/publish.ts";
import { sweep } from "../../../src/artifacts/sweep.ts";
import type { Workspace } from "../../../src/catalog/access/workspaces.ts";
import { beginFetch } from "../../../src/catalog/publish/fetches.ts";
import { valueOf } from "../../../src/protocol/errors.ts";
import { newUuid } from "../../../src/protocol/ids.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import type { FetchJob } from "../../../src/protocol/uploads.ts";
import type { UploadContext } from "../../../src/uploads/context.ts";
import { continueFetch } from "../../../src/uploads/fetch.ts";
import { UploadGateway } from "../../../src/uploads/gateway.ts";
import { Ledger } from "../../../src/uploads/ledger.ts";
import { finishSeal } from "../../../src/uploads/seal.ts";
import { newFetch } from "../../../src/uploads/state.ts";
import { listFiles } from "../../support/version-files.ts";
import { hexDigest } from "../support/bytes.ts";
import { applySchema, makeWorkspace } from "../support/catalog.ts";

const HOUR = 3_600_000;
const SIZE = 700_000;
const HALF = 300_000;
const NOT_FOUND = ["error", "the server answered 404", []];

const content = Uint8Array.from({ length: SIZE }, (_, index) => (index * 7 + (index >> 8)) % 256);
let workspace: Workspace;
let sha512: string;

beforeAll(async () => {
  await applySchema();
  workspace = await makeWorkspace("owner");
  sha512 = await hexDigest("SHA-512", content);
  vi.spyOn(console, "error").mockImplementation(() => {});
});

function intentFor(url: string) {
  const made = { workspaceId: workspace.id, type: "image", name: "x", sourceUrl: url };
  return { ...made, shared: false, actor: "test", gift: false };
}

function jobFor(path: string): FetchJob {
  const url = inject("remoteOrigin") + path;
  const deadline = Date.now() + HOUR;
  return { url, intent: intentFor(url), maxBytes: 1e6, deadline, allowPrivate: true, hosts: null };
}

/** Begins a fetch as the API does, and gives its upload. */
async function begin(path: string, changes: Partial<FetchJob> = {}): Promise<Uuid> {
  const job = { ...jobFor(path), ...changes };
  const begun = valueOf(await beginFetch(env.DB, newUuid(), job.intent, Date.now()));
  const gateway = new UploadGateway(env.UPLOADS, workspace.id);
  valueOf(await gateway.fetch(begun.uploadUuid, null, job));
  return begun.uploadUuid;
}

type Row = { state: string; error_message: string | null; fetching: string | null };

/** The artifact of a path as soon as nothing is fetched into it, with the sha512 of its versions. */
async function settled(path: string) {
  const url = inject("remoteOrigin") + path;
  const select = () =>
    env.DB.prepare("SELECT state, error_message, fetching FROM artifacts WHERE source_url = ?1")
      .bind(url)
      .first<Row>();
  const row = await vi.waitUntil(
    async () => {
      const found = await select();
      return found?.fetching === null ? found : null;
    },
    { timeout: 15_000, interval: 20 },
  );
  const files = await listFiles(env, "a.source_url = ?1", url);
  return [row.state, row.error_message, files.map((file) => file.sha512)];
}

async function fetched(path: string, changes: Partial<FetchJob> = {}) {
  await begin(path, changes);
  return settled(path);
}

async function seen(path: string): Promise<unknown> {
  return (await fetch(`${inject("remoteOrigin")}/seen?${encodeURIComponent(path)}`)).json();
}

describe.concurrent("a fetch (T35)", () => {
  it.each(["/full", "/moves", "/chunked", "/busy", "/cut-chunked", "/cut-weak"])(
    "gets all of %s",
    async (path) => {
      expect(await fetched(path)).toEqual(["created", null, [sha512]]);
    },
  );

  it("goes on by Range where the connection was cut", async () => {
    expect(await fetched("/cut")).toEqual(["created", null, [sha512]]);
    expect(await seen("/cut")).toEqual([null, `bytes=${HALF}-`]);
  });

  it("starts over when the content has changed, or has no strong ETag", async () => {
    expect(await fetched("/changes")).toEqual(["created", null, [sha512]]);
    expect(await seen("/changes")).toEqual([null, `bytes=${HALF}-`]);
    expect(await fetched("/cut-weak?again")).toEqual(["created", null, [sha512]]);
    expect(await seen("/cut-weak?again")).toEqual([null, null]);
  });

  it.each([
    ["/lost", "the server answered 404"],
    ["/loop", "the server redirects more than 5 times"],
    ["/part", "the server answered 200 with a part of the content"],
    ["/away", "url is not an http or https URL that can be fetched"],
    ["/large", "the content is larger than 1000000 bytes"],
  ])("fails for good at %s: %s", async (path, message) => {
    expect(await fetched(path)).toEqual(["error", message, []]);
  });

  it.each([
    ["/full?small", { maxBytes: SIZE - 1 }, `the content is larger than ${SIZE - 1} bytes`],
    ["/chunked?small", { maxBytes: SIZE - 1 }, `the content is larger than ${SIZE - 1} bytes`],
    ["/full?private", { allowPrivate: false }, "url leads to a private address"],
  ])("fails at %s with %o: %s", async (path, changes, message) => {
    expect(await fetched(path, changes)).toEqual(["error", message, []]);
  });

  it("is given up at its deadline, whether the server is slow for ever or refuses for ever", async () => {
    const deadline = Date.now() + 2_400;
    const slow = fetched("/slow", { deadline });
    const broken = fetched("/broken", { deadline });
    // What is waited for when the time is over, is told.
    const ending = expect.stringMatching(/took too long|broke off|cannot be reached/u) as string;
    expect(await slow).toEqual(["error", ending, []]);
    expect(await broken).toEqual(["error", expect.stringMatching(/answered 500|cannot be/u), []]);
    expect(Date.now()).toBeLessThan(deadline + 5_000);
  });

  it.each(["gzip", "x-gzip", "br", "deflate", "gzip, br", "zstd", "identity"])(
    "stores what is on the wire of a server that says it is in the coding %s",
    async (coding) => {
      const query = `?coding=${encodeURIComponent(coding)}`;
      const wire = await (await fetch(`${inject("remoteOrigin")}/coded-sha512${query}`)).text();
      expect(await fetched(`/coded${query}`)).toEqual(["created", null, [wire]]);
      expect(await fetched(`/coded${query}&cut`)).toEqual(["created", null, [wire]]);
    },
  );

  it.each(["/short", "/ended"])(
    "takes no part for the whole when a server gives less than it said before: %s",
    async (path) => {
      expect(await fetched(path)).toEqual(["created", null, [sha512]]);
    },
  );

  it.each([
    "Repr-Digest=sha-256=:right:",
    "Content-Digest=sha-512=:right:",
    "Digest=SHA=right",
    "Digest=MD5=right",
    "Content-MD5=right",
    "Digest=UNIXsum=1",
  ])("takes a content that has the digest that the server gives: %s", async (header) => {
    const [name = "", ...value] = header.split("=");
    const query = `?${name}=${encodeURIComponent(value.join("="))}`;
    expect(await fetched(`/promised${query}`)).toEqual(["created", null, [sha512]]);
    expect(await fetched(`/promised${query}&cut`)).toEqual(["created", null, [sha512]]);
  });

  it.each([
    "Repr-Digest=sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
    "Digest=SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "Digest=MD5=1B2M2Y8AsgTpgAmY7PhCfg==",
    "Content-Digest=sha-512=:right:, sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
    "Content-MD5=1B2M2Y8AsgTpgAmY7PhCfg==",
  ])("ends as an error where the content never has it: %s", async (header) => {
    const [name = "", ...value] = header.split("=");
    const query = `?${name}=${encodeURIComponent(value.join("="))}`;
    const message = "the content does not have the digest that the server gives";
    const paths = [`/promised${query}`, `/promised${query}&cut`];
    const ended = await Promise.all(paths.map((path) => fetched(path)));
    expect(ended).toEqual(paths.map(() => ["error", message, []]));
  });

  it.each(["/silent", "/closes", "/half", "/stalls"])(
    "ends as an error within its deadline when the server is always %s",
    async (path) => {
      const deadline = Date.now() + 2_000;
      expect(await fetched(path, { deadline })).toEqual(["error", expect.any(String), []]);
      expect(Date.now()).toBeLessThan(deadline + 8_000);
    },
  );

  it("does not follow a redirect to a host that is not on the list", async () => {
    const message = "url leads to a host that this service does not fetch from";
    expect(await fetched("/far", { hosts: ["127.0.0.1"] })).toEqual(["error", message, []]);
    expect(await fetched("/far?any")).toEqual(["created", null, [sha512]]);
  });

  it("does not bring back an artifact that was deleted meanwhile, and leaves nothing behind", async () => {
    const uuid = await begin("/busy?deleted");
    await env.DB.prepare("UPDATE artifacts SET deleted_at = 5 WHERE fetching = ?1")
      .bind(uuid)
      .run();
    expect(await settled("/busy?deleted")).toEqual(["error", "artifact not found", []]);
    const gateway = new UploadGateway(env.UPLOADS, workspace.id);
    await vi.waitUntil(async () => !(await gateway.view(uuid)).ok);
    expect((await env.BUCKET.list({ prefix: `uploads/${uuid}/` })).objects).toEqual([]);
  });
});

describe("a fetch that dies", () => {
  it("in the middle of a body goes on with the next alarm", async () => {
    const uuid = await begin("/hangs");
    await vi.waitUntil(async () => JSON.stringify(await seen("/hangs")) === "[null]");
    await abortAllDurableObjects();
    expect(await runDurableObjectAlarm(env.UPLOADS.getByName(uuid))).toBe(true);
    expect(await settled("/hangs")).toEqual(["created", null, [sha512]]);
  });

  it("before its object was opened is begun by the next request, or given up by the sweep", async () => {
    const [one, other] = [jobFor("/full?unopened"), jobFor("/full?forgotten")];
    const first = valueOf(await beginFetch(env.DB, newUuid(), one.intent, Date.now()));
    valueOf(await beginFetch(env.DB, newUuid(), other.intent, Date.now() - 2 * HOUR));
    expect(await begin("/full?unopened")).toBe(first.uploadUuid);
    expect(await settled("/full?unopened")).toEqual(["created", null, [sha512]]);
    await sweep(env, HOUR, Date.now());
    const message = "the fetch stood still for too long";
    expect(await settled("/full?forgotten")).toEqual(["error", message, []]);
  });

  it.each(["before", "after"] as const)(
    "with any call to R2 or the catalog, %s its effect, ends with every byte or the reason",
    async (mode) => {
      const outcomes = { "/full": ["created", null, [sha512]], "/lost": NOT_FOUND };
      for (const [path, outcome] of Object.entries(outcomes)) {
        let from = 1;
        while (await survive(`${path}?${mode}${from}`, from, mode)) {
          expect(await settled(`${path}?${mode}${from}`)).toEqual(outcome);
          from += 1;
        }
        // The one call that gives up; a put of the bytes and the publication.
        expect(from).toBeGreaterThan(path === "/lost" ? 1 : 2);
      }
    },
  );
});

/** Runs a fetch whose `from`-th call fails, as do all that follow until it is run again on the same rows.
 * Says whether any failed. */
async function survive(path: string, from: number, mode: "before" | "after"): Promise<boolean> {
  const job = jobFor(path);
  const { uploadUuid } = valueOf(await beginFetch(env.DB, newUuid(), job.intent, Date.now()));
  let calls = 0;
  let isHealed = false;
  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, name) {
        const value = Reflect.get(object, name) as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          calls += 1;
          if (isHealed || calls < from) {
            return Reflect.apply(value, object, args);
          }
          if (calls === from && mode === "after") {
            await Reflect.apply(value, object, args);
          }
          throw new Error(`Fault at call ${calls}`);
        };
      },
    });
  // An object of another name: the real one must not wake up beside it.
  return runInDurableObject(env.UPLOADS.getByName(newUuid()), async (_object, { storage }) => {
    const contextOn = (ledger: Ledger): UploadContext => ({
      ledger,
      bucket: wrap(env.BUCKET),
      uploads: env.UPLOADS,
      desk: wrap(catalogDesk(env)),
      openExtentConfirmed: false,
      owner: "test",
      contestedFloor: () => 0,
    });
    const origin = { room: null, fetch: newFetch(job, Date.now()) };
    new Ledger(storage).open(uploadUuid, workspace.id, Date.now(), origin);
    for (let round = 0; round < 6; round += 1) {
      const context = contextOn(new Ledger(storage));
      const phase = context.ledger.state?.phase;
      if (phase === "open" || phase === "sealing") {
        const work = phase === "open" ? continueFetch(context) : finishSeal(context);
        await Promise.resolve(work).catch(() => {});
      }
      await storage.deleteAlarm();
      isHealed = true;
    }
    return calls >= from;
  });
}
