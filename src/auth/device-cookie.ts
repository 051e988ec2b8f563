// The cookie by which a browser is known to users who logged in with it before: no session, and good for nothing but to
// pass the gates that others closed (login.ts). It outlives logouts and changed passwords, and ends with TOKEN_SECRET.

import { parse, serialize } from "hono/utils/cookie";

import { LIMITS } from "../protocol/limits.ts";
import type { Settings } from "../settings.ts";
import { keyedHash } from "./keyed-hash.ts";
import { isSameSecret } from "./passwords.ts";
import { cookieKind } from "./session-cookie.ts";
import type { CookieKind } from "./session-cookie.ts";

/** A user's mark on a device. Its failed logins count by `id`, which is drawn at the user's first login there. */
export interface Device {
  userId: number;
  id: string;
  /** In seconds. */
  issuedAt: number;
}

const FORM = /^(\d{1,15})\.([0-9a-f]{32})\.(\d{1,15})\.([0-9a-f]{64})$/u;

function cookieName({ name }: CookieKind): string {
  return `${name}-device`;
}

/** The marks in a request's cookie that are ours and not too old. `now` in milliseconds. */
export async function readDevices(
  { headers, url }: Request,
  settings: Settings,
  now: number,
): Promise<Device[]> {
  const kind = cookieKind(url);
  if (kind === null) {
    return [];
  }
  const name = cookieName(kind);
  const marks = (parse(headers.get("Cookie") ?? "", name)[name] ?? "").split("~");
  const devices: Device[] = [];
  for (const mark of marks.slice(0, LIMITS.usersOfDevice)) {
    const [, userId, id = "", issuedAt, signature = ""] = FORM.exec(mark) ?? [];
    const device = { userId: Number(userId), id, issuedAt: Number(issuedAt) };
    const isYoung = device.issuedAt > now / 1000 - LIMITS.deviceSeconds;
    if (isYoung && (await isSameSecret(signature, await sign(device, settings)))) {
      devices.push(device);
    }
  }
  return devices;
}

/** The Set-Cookie that keeps some marks, the first ones where there are too many. */
export async function deviceCookie(
  kind: CookieKind,
  devices: readonly Device[],
  settings: Settings,
): Promise<string> {
  const marks = await Promise.all(
    devices
      .slice(0, LIMITS.usersOfDevice)
      .map(
        async (device) =>
          `${device.userId}.${device.id}.${device.issuedAt}.${await sign(device, settings)}`,
      ),
  );
  return serialize(cookieName(kind), marks.join("~"), {
    path: "/",
    httpOnly: true,
    secure: kind.secure,
    sameSite: "Strict",
    maxAge: LIMITS.deviceSeconds,
  });
}

function sign({ userId, id, issuedAt }: Device, settings: Settings): Promise<string> {
  return keyedHash(settings, "device", userId, id, issuedAt);
}
