/** The secrets of every test Worker; long enough for src/settings.ts to accept. */
export const TEST_SECRETS = {
  SYSTEM_KEY: "test-system-key-0123456789abcdef0123456789",
  TOKEN_SECRET: "test-token-secret-0123456789abcdef0123456789",
};
