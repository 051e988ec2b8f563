import { AppError } from "./protocol/errors.ts";
import { LIMITS } from "./protocol/limits.ts";
import type { HostRules } from "./protocol/uploads.ts";

/** What a deployment may set, read and checked once. */
export interface Settings {
  systemKey: string;
  tokenSecret: string;
  /** Milliseconds without a byte after which an upload is removed. */
  uploadIdleMs: number;
  /** Bytes that a URL may give. */
  fetchMaxBytes: number;
  /** Milliseconds that a fetch may take with all its attempts. */
  fetchMaxMs: number;
  /** Where URLs may lead to. */
  fetchHosts: HostRules;
  /** Seconds for which caches may keep bytes that anybody may read under an address that names their version. */
  publicMaxAge: number;
  /** Milliseconds for which rows of the audit are kept. */
  auditMs: number;
  /** Bytes that one read of R2 gives while a file or an archive is sent. */
  readWindow: number;
  /** Bytes of one request that the network in front of the service lets through. */
  maxAppendBytes: number;
  /** The sites whose scripts may use /files/; null is any. */
  corsOrigins: readonly string[] | null;
  /** Is a line printed for each request? */
  requestLog: boolean;
}

const SECRET_LENGTH = 32;
const DEFAULT_IDLE_HOURS = 24;
const DEFAULT_FETCH_BYTES = 64 * 1024 ** 3;
const DEFAULT_FETCH_SECONDS = 6 * 3_600;
const DEFAULT_APPEND_BYTES = 100_000_000;
const DEFAULT_AUDIT_DAYS = LIMITS.auditKept / 86_400_000;
const DEFAULT_MAX_AGE_SECONDS = 86_400;
const LEAST_AUDIT_DAYS = 30;

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
  return {
    systemKey,
    tokenSecret,
    uploadIdleMs: readPositive(env, "UPLOAD_IDLE_HOURS", DEFAULT_IDLE_HOURS) * 3_600_000,
    fetchMaxBytes: readPositive(env, "FETCH_MAX_BYTES", DEFAULT_FETCH_BYTES),
    fetchMaxMs: readPositive(env, "FETCH_MAX_SECONDS", DEFAULT_FETCH_SECONDS) * 1_000,
    fetchHosts: {
      allowPrivate: readSwitch(env, "FETCH_ALLOW_PRIVATE", "off"),
      hosts: readHosts(env),
    },
    publicMaxAge: Math.floor(readPositive(env, "PUBLIC_MAX_AGE_SECONDS", DEFAULT_MAX_AGE_SECONDS)),
    auditMs: readAuditDays(env) * 86_400_000,
    readWindow: Math.ceil(readPositive(env, "READ_WINDOW_BYTES", LIMITS.readWindow)),
    maxAppendBytes: Math.floor(readPositive(env, "MAX_APPEND_BYTES", DEFAULT_APPEND_BYTES)),
    corsOrigins: readOrigins(env),
    requestLog: readSwitch(env, "REQUEST_LOG", "on"),
  };
}

function readPositive(
  env: Env,
  name:
    | "UPLOAD_IDLE_HOURS"
    | "MAX_APPEND_BYTES"
    | "FETCH_MAX_BYTES"
    | "FETCH_MAX_SECONDS"
    | "PUBLIC_MAX_AGE_SECONDS"
    | "AUDIT_DAYS"
    | "READ_WINDOW_BYTES",
  byDefault: number,
): number {
  const value = Number(env[name] ?? byDefault);
  if (!(value > 0)) {
    throw new AppError("configuration_incomplete", `${name} is not a positive number`);
  }
  return value;
}

/** The catalog lets no younger row go (schema.sql). */
function readAuditDays(env: Env): number {
  const days = readPositive(env, "AUDIT_DAYS", DEFAULT_AUDIT_DAYS);
  if (days < LEAST_AUDIT_DAYS) {
    throw new AppError("configuration_incomplete", `AUDIT_DAYS is less than ${LEAST_AUDIT_DAYS}`);
  }
  return days;
}

/** Names between commas, as a URL's host has them; null where any will do. */
function readHosts(env: Env): string[] | null {
  const text: string = env.FETCH_HOSTS ?? "*";
  const hosts = text.split(",").map((host) => host.trim().toLowerCase());
  if (hosts.length === 1 && hosts[0] === "*") {
    return null;
  }
  if (!hosts.every((host) => /^(?:\*\.)?[\w.:[\]-]*\w\]?$/u.test(host))) {
    throw new AppError("configuration_incomplete", "FETCH_HOSTS is no list of hosts");
  }
  return hosts;
}

/** Origins between commas, as a browser sends them; null where any will do. */
function readOrigins(env: Env): string[] | null {
  const text: string = env.CORS_ORIGINS ?? "*";
  const origins = text.split(",").map((origin) => origin.trim());
  if (origins.length === 1 && origins[0] === "*") {
    return null;
  }
  if (!origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin)) {
    throw new AppError("configuration_incomplete", "CORS_ORIGINS is no list of origins");
  }
  return origins;
}

function readSwitch(
  env: Env,
  name: "FETCH_ALLOW_PRIVATE" | "REQUEST_LOG",
  byDefault: "on" | "off",
): boolean {
  const value: string = env[name] ?? byDefault;
  if (value !== "on" && value !== "off") {
    throw new AppError("configuration_incomplete", `${name} is neither on nor off`);
  }
  return value === "on";
}
