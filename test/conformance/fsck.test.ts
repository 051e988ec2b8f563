import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { TEST_SECRETS } from "../support/secrets.ts";
import { startService } from "../support/service.ts";
import type { RunningService } from "../support/service.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/fsck.mjs", import.meta.url));

let service: RunningService;

beforeAll(async () => {
  service = await startService();
});

afterAll(() => service[Symbol.asyncDispose]());

/** Runs `npm run fsck` against the service. */
function fsck(...args: string[]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, SYSTEM_KEY: TEST_SECRETS.SYSTEM_KEY };
  return new Promise((resolve) => {
    const all = [SCRIPT, "--url", service.origin, ...args];
    execFile(process.execPath, all, { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

describe("npm run fsck", () => {
  it("says how much it checked, and fails until a repair left no difference", async () => {
    const system = await service.loginAsSystem();
    await service.upload("kept", Buffer.from("some bytes"), system);
    const open = await service.openUpload(system);
    await service.append(open, Buffer.from("more"), system);
    const clean = await fsck("--deep");
    expect(clean.output).toMatch(
      /^10 bytes hashed again\n\d+ rows, 1 objects, 1 uploads checked: 0 differences\n$/u,
    );
    expect(clean.code).toBe(0);
    await service.env.DB.prepare(
      "UPDATE workspaces SET used_bytes = 11 WHERE name = 'system'",
    ).run();
    const broken = await fsck();
    expect(broken.output).toMatch(
      /^used_bytes system \(11, summed 10\): .+; run again with --repair: .+$/mu,
    );
    expect(broken.output).toMatch(/checked: 1 differences\n$/u);
    expect(broken.code).toBe(1);
    const repaired = await fsck("--repair");
    expect(repaired.output).toMatch(/; repaired\n.+ 1 differences, 1 repaired\n$/u);
    expect(repaired.code).toBe(0);
    expect((await fsck()).code).toBe(0);
  });

  it("fails with the reason when the service does not let it in", async () => {
    const url = `${service.origin}/nowhere`;
    expect(await fsck("--url", url)).toMatchObject({ code: 2, output: /404/u });
  });
});

describe("POST /fsck", () => {
  it("refuses a cursor that no answer gave, with 400", async () => {
    const system = await service.loginAsSystem();
    await service.upload("hashed", Buffer.from("bytes"), system);
    const version = await service.env.DB.prepare("SELECT max(id) AS id FROM versions").first("id");
    const broken = ["content", version, 0, 2, "x"];
    const cursors = [
      "",
      "nothing",
      "[]",
      '["toString"]',
      '["versions",{}]',
      JSON.stringify(broken),
    ];
    for (const cursor of cursors) {
      const { status } = await service.send("POST", "/fsck", { cursor, deep: 100 }, system);
      expect([cursor, status]).toEqual([cursor, 400]);
    }
  });
});
