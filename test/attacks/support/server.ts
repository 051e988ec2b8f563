// One `npm start` for all attacks, as it is installed, with a state folder of its own.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { TestProject } from "vitest/node";

import { freePort, startLiveServer } from "../../support/live-server.ts";
import type { LiveServer } from "../../support/live-server.ts";

/** What tests are told of it. */
export interface Attacked {
  origin: string;
  state: string;
  systemKey: string;
  pids: number[];
}

declare module "vitest" {
  export interface ProvidedContext {
    attacked: Attacked;
  }
}

let folder: string;
let server: LiveServer;

export async function setup(project: TestProject): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), "stowage-attacks-"));
  const state = join(folder, "state");
  server = await startLiveServer(state, await freePort());
  const { systemKey, service } = server;
  project.provide("attacked", { origin: service.origin, state, systemKey, pids: server.pids() });
}

export async function teardown(): Promise<void> {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
