// Public clients of resumable uploads, unmodified (scripts/resumable-clients.mjs installs them), against a real service.

import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { FilesClient, TUS } from "../support/files-client.ts";
import { makeFolder, runTool } from "../support/run-tool.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";
import { startFlakyProxy } from "./flaky-proxy.ts";

const MiB = 1024 * 1024;
const { js, python, go, java } = {
  js: null,
  python: null,
  go: null,
  java: null,
  ...(JSON.parse(process.env["RESUMABLE_CLIENTS"] ?? "{}") as Partial<
    Record<"js" | "python" | "go" | "java", string | null>
  >),
};
const BYTES = randomBytes(50 * MiB);

let service: RunningService;
let client: FilesClient;
let folder: Awaited<ReturnType<typeof makeFolder>>;
let file: string;
let headers: Record<string, string>;

beforeAll(async () => {
  service = await startService();
  client = new FilesClient(service, await service.makeWorkspace("ci"));
  headers = { Authorization: `Bearer ${client.bearer}` };
  folder = await makeFolder();
  file = join(folder.path, "disk.img");
  writeFileSync(file, BYTES);
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
  await service[Symbol.asyncDispose]();
});

/** What a program printed as JSON; throws what it printed when it does not end well. */
async function run<T>(program: string, ...args: string[]): Promise<T> {
  const { code, output } = await runTool(program, ...args);
  if (code !== 0) {
    throw new Error(`${code}\n${output}`);
  }
  return JSON.parse(output.trim().split("\n").at(-1) ?? "") as T;
}

interface Uploaded {
  url: string;
  artifact: string | null;
  accepted?: number;
}

function runJs(options: Record<string, unknown>): Promise<Uploaded> {
  const own = {
    library: js,
    file,
    endpoint: `${service.origin}/files/`,
    headers,
    metadata: { filename: "disk.img", filetype: "application/octet-stream" },
  };
  const script = join(import.meta.dirname, "tus-js.ts");
  return run(process.execPath, script, JSON.stringify({ ...own, ...options }));
}

/** The upload is complete, has these bytes, and is one version. */
async function expectWhole(url: string, bytes: Buffer = BYTES): Promise<void> {
  const path = new URL(url).pathname;
  const head = await client.send("HEAD", path, TUS);
  expect([head.status, head.headers.get("Upload-Offset")]).toEqual([200, String(bytes.length)]);
  expect(head.headers.get("Stowage-Version")).toMatch(/^\d+$/u);
  expect((await client.content(path)).equals(bytes)).toBe(true);
}

describe.skipIf(js === null)("tus-js-client 4.3.1", () => {
  it.each(["tus-v1", "ietf-draft-03", "ietf-draft-05"])(
    "uploads 50 MiB in chunks by %s",
    async (protocol) => {
      const { url, artifact } = await runJs({ protocol, chunkSize: 8 * MiB + 1 });
      expect(artifact).toMatch(/^\d+$/u);
      await expectWhole(url);
    },
  );

  it.each(["tus-v1", "ietf-draft-05"])(
    "is stopped and goes on in a new process by %s",
    async (protocol) => {
      const storage = join(folder.path, `urls-${protocol}`);
      const options = { protocol, chunkSize: 8 * MiB, storage };
      const { accepted = 0, url } = await runJs({ ...options, stop: 20 * MiB });
      expect(accepted).toBeGreaterThanOrEqual(20 * MiB);
      const again = await runJs(options);
      expect(again.url).toBe(url);
      await expectWhole(url);
    },
  );

  it("does not know the length before", async () => {
    await expectWhole((await runJs({ uploadLengthDeferred: true, chunkSize: 7 * MiB })).url);
  });

  it("uploads over three connections at once", async () => {
    await expectWhole((await runJs({ parallelUploads: 3 })).url);
  });

  it("sends the data with the creation", async () => {
    await expectWhole((await runJs({ uploadDataDuringCreation: true, chunkSize: 16 * MiB })).url);
  });

  it("overrides the method, and ends an upload", async () => {
    const { url } = await runJs({
      overridePatchMethod: true,
      chunkSize: 8 * MiB,
      stop: 8 * MiB,
      terminate: true,
    });
    expect(await client.offset(new URL(url).pathname)).toBe(-404);
  });

  it("survives answers that are lost and connections that are cut", async () => {
    let cuts = 0;
    await using proxy = await startFlakyProxy(service.origin, (method, _, nth) => {
      const isCut = method === "PATCH" && nth % 2 === 1 && nth < 8;
      cuts += isCut ? 1 : 0;
      return isCut ? { kind: "cut", after: 0 } : null;
    });
    const { url } = await runJs({ endpoint: `${proxy.origin}/files/`, chunkSize: 5 * MiB });
    await expectWhole(url);
    expect(cuts).toBe(4);
  });
});

describe.skipIf(python === null)("tuspy 1.1.0", () => {
  const script = join(import.meta.dirname, "tus-py.py");
  const runPython = (options: Record<string, unknown>) =>
    run<Uploaded>(
      python ?? "",
      script,
      JSON.stringify({ endpoint: `${service.origin}/files/`, headers, file, ...options }),
    );

  it("uploads a file", async () => {
    await expectWhole((await runPython({ metadata: { filename: "py.img" } })).url);
  });

  it("sends a checksum with each chunk", async () => {
    await expectWhole((await runPython({ checksum: true })).url);
  });

  it("goes on at a stored URL", async () => {
    const storage = join(folder.path, "tuspy.json");
    const { url } = await runPython({ storage, stop_at: 20 * MiB });
    expect(await client.offset(new URL(url).pathname)).toBe(20 * MiB);
    expect((await runPython({ storage })).url).toBe(url);
    await expectWhole(url);
  });
});

describe.skipIf(go === null)("tusgo 0.1.2", () => {
  it.each(["checksum", "concatenation", "deferred length"])("uploads with %s", async (mode) => {
    const { code, output } = await runTool(
      go ?? "",
      `${service.origin}/files/`,
      headers["Authorization"] ?? "",
      file,
      mode,
    );
    expect([code, output]).toEqual([0, expect.stringContaining("/files/")]);
    await expectWhole(new URL(output.trim(), service.origin).href);
  });
});

describe.skipIf(java === null)("tus-java-client 0.5.1", () => {
  /** Uploads up to so many bytes, from where the upload at an address is, and gives the address. */
  async function runJava(stop: number, ...url: string[]): Promise<string> {
    const own = [`${service.origin}/files/`, headers["Authorization"] ?? "", file, String(stop)];
    const { code, output } = await runTool("java", "-cp", java ?? "", "Upload", ...own, ...url);
    expect([code, output]).toEqual([0, expect.stringContaining("/files/")]);
    return output.trim();
  }

  it("uploads in chunked bodies, by POST instead of PATCH", async () => {
    await expectWhole(await runJava(BYTES.length));
  });

  it("goes on in a new process", async () => {
    const url = await runJava(20 * MiB);
    expect(await client.offset(new URL(url).pathname)).toBe(20 * MiB);
    expect(await runJava(BYTES.length, url)).toBe(url);
    await expectWhole(url);
  });
});

describe("curl", () => {
  it("sends a file in one request, and goes on with a broken one, as the README has it", async () => {
    const authorization = `Authorization: Bearer ${client.bearer}`;
    const curl = (...args: string[]) => runTool("curl", "-sS", "-H", authorization, ...args);
    const whole = await curl("-T", file, `${service.origin}/files/`);
    expect(JSON.parse(whole.output)).toMatchObject({ version: expect.any(Number) as number });
    const opened = await curl(
      "-D-",
      "-H",
      "Tus-Resumable: 1.0.0",
      "-H",
      `Upload-Length: ${BYTES.length}`,
      "-X",
      "POST",
      `${service.origin}/files/`,
    );
    const url = /location: (\S+)/iu.exec(opened.output)?.[1] ?? "";
    const send = (offset: number, ...args: string[]) => {
      const rest = join(folder.path, "rest");
      writeFileSync(rest, BYTES.subarray(offset));
      const type = "Content-Type: application/offset+octet-stream";
      const own = [
        "-X",
        "PATCH",
        "-H",
        "Tus-Resumable: 1.0.0",
        "-H",
        `Upload-Offset: ${offset}`,
        "-H",
        type,
      ];
      return curl(...own, "-T", rest, ...args, url);
    };
    await send(0, "--limit-rate", "10M", "--max-time", "2");
    const offset = await client.offset(new URL(url).pathname);
    expect(offset).toBeGreaterThan(0);
    expect(offset).toBeLessThan(BYTES.length);
    await send(offset);
    await expectWhole(url);
  });
});
