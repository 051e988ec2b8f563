import { AppError } from "./protocol/errors.ts";

/** What a deployment may set, read and checked once. */
export interface Settings {
  systemKey: string;
  tokenSecret: string;
  /** Milliseconds without a byte after which an upload is removed. */
  uploadIdleMs: number;
}

const SECRET_LENGTH = 32;
const DEFAULT_IDLE_HOURS = 24;

/** Reads the settings; refuses to serve with a missing or short secret. */
export function readSettings(env: Env): Settings {
  const { SYSTEM_KEY: systemKey, TOKEN_SECRET: tokenSecret } = env;
  for (const [name, value] of Object.entries({
    SYSTEM_KEY: systemKey,
    TOKEN_SECRET: tokenSecret,
  })) {
    if (typeof value !== "string" || value.length < SECRET_LENGTH) {
      throw new AppError("configuration_incomplete", `${name} is missing or short`);
    }
  }
  const hours = Number(env.UPLOAD_IDLE_HOURS ?? DEFAULT_IDLE_HOURS);
  if (!(hours > 0)) {
    throw new AppError("configuration_incomplete", "UPLOAD_IDLE_HOURS is not a positive number");
  }
  return { systemKey, tokenSecret, uploadIdleMs: hours * 3_600_000 };
}
