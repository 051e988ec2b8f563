import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import type { Plugin } from "vitest/config";

import { OFFLINE } from "./scripts/project.mjs";
import { TEST_SECRETS } from "./test/support/secrets.ts";

// Wrangler, in this process and in those that it forks, takes these from the environment.
Object.assign(process.env, OFFLINE, TEST_SECRETS);

/** Unit tests that write to D1, R2 or Durable Objects: each file gets storage of its own. */
const STORAGE_TESTS = [
  "test/unit/api/{bodies,few-calls,full-catalog,health}.test.ts",
  "test/unit/artifacts/!(renumber).test.ts",
  "test/unit/catalog/**/*.test.ts",
  "test/unit/drafts/**/*.test.ts",
  "test/unit/{costs,object-tables}.test.ts",
  "test/unit/{faults,model}/*.test.ts",
  "test/unit/uploads/{explode,faults,fetch,memory,newer-object,refused-archives,upload-object}.test.ts",
];

/** Sequences that the model test tries, and where it begins. */
const { STOWAGE_RUNS: runs = "200", STOWAGE_STEPS: steps = "15", STOWAGE_SEED: seed } = process.env;
const MODEL = {
  runs: Number(runs),
  steps: Number(steps),
  seed: seed === undefined ? null : Number(seed),
};

/** Random trees that manifests are tried with, and what is made of them. */
const { STOWAGE_TREES: trees } = process.env;

const workerd = () =>
  cloudflareTest({
    main: "./test/unit/support/watched-worker.ts",
    wrangler: { configPath: "./wrangler.toml" },
    miniflare: { bindings: { ...TEST_SECRETS, REQUEST_LOG: "off" } },
  });

/** Node takes a WebAssembly module as workerd does: compiled. */
const compiledWasm: Plugin = {
  name: "compiled-wasm",
  enforce: "pre",
  load: (id) =>
    id.endsWith(".wasm")
      ? `import { readFileSync } from "node:fs";
         export default new WebAssembly.Module(readFileSync(${JSON.stringify(id)}));`
      : null,
};

export default defineConfig({
  test: {
    coverage: { provider: "istanbul", include: ["src/**"] },
    maxWorkers: 5, // for two cores: tests wait about as much as they work
    reporters: ["default", "./test/support/closing-line.ts"],
    projects: [
      {
        plugins: [workerd()],
        test: {
          name: "storage",
          include: STORAGE_TESTS,
          testTimeout: 60_000,
          hookTimeout: 120_000, // five services start at once, on two cores that may be busy
          globalSetup: "./test/support/remote-server.ts",
          provide: { ownsStorage: true, model: MODEL, trees: Number(trees ?? 300) },
        },
      },
      {
        plugins: [workerd()],
        test: {
          name: "unit",
          isolate: false, // no storage to keep apart: one workerd serves them all
          include: ["test/unit/**/*.test.{ts,tsx}"],
          exclude: STORAGE_TESTS,
          provide: { ownsStorage: false, trees: Number(trees ?? 1_000) },
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "service",
          isolate: false, // each file starts a service of its own; wrangler is loaded once
          include: ["test/{conformance,e2e,migrations,sqlite}/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000, // five services start at once, on two cores that may be busy
        },
      },
      {
        plugins: [compiledWasm],
        test: {
          name: "engine", // the checksums once more: an engine may be wrong about WebAssembly
          include: ["test/unit/blobs/checksums.test.ts"],
          setupFiles: "./test/support/to-hex.ts",
        },
      },
      {
        test: {
          name: "crash",
          include: ["test/crash/**/*.test.ts"],
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "attacks",
          include: ["test/attacks/*.test.ts"],
          globalSetup: "./test/attacks/support/server.ts",
          setupFiles: "./test/attacks/support/connections.ts",
          fileParallelism: false, // they share a server
          testTimeout: 300_000, // of what takes seconds on a machine that has time,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "browser",
          isolate: false,
          include: ["test/browser/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
