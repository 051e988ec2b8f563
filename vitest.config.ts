import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

import { OFFLINE } from "./scripts/project.mjs";
import { TEST_SECRETS } from "./test/support/secrets.ts";

// Wrangler, in this process and in those that it forks, takes these from the environment.
Object.assign(process.env, OFFLINE, TEST_SECRETS);

export default defineConfig({
  test: {
    coverage: { provider: "istanbul", include: ["src/**"] },
    maxWorkers: 2, // the default leaves one of two cores idle
    reporters: ["default", "./test/support/closing-line.ts"],
    projects: [
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: { bindings: TEST_SECRETS },
          }),
        ],
        test: { name: "unit", include: ["test/unit/**/*.test.{ts,tsx}"] },
      },
      {
        test: {
          name: "service",
          include: ["test/{conformance,e2e,faults}/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
    ],
  },
});
