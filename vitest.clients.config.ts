// `npm run test:clients`: public clients, as their users install them. They need Python and the Python Package Index,
// so they are not part of `npm test`.
import { defineConfig } from "vitest/config";

import { OFFLINE } from "./scripts/project.mjs";
import { TEST_SECRETS } from "./test/support/secrets.ts";

Object.assign(process.env, OFFLINE, TEST_SECRETS);

export default defineConfig({
  test: {
    include: ["test/clients/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    reporters: ["default", "./test/support/closing-line.ts"],
  },
});
