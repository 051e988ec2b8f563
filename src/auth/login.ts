// Logging in with a name and a password. Failures close gates, and nobody is kept out by those of others: a device that the
// user logged in with before has a gate of its own, and a network that they did from passes the gate of the name.

import { rememberNetwork } from "../catalog/access/known-networks.ts";
import { beginAttempt, takeAttemptBack } from "../catalog/access/login-failures.ts";
import type { LoginGate } from "../catalog/access/login-failures.ts";
import { createSession } from "../catalog/access/sessions.ts";
import { findLogin } from "../catalog/access/users.ts";
import type { Login } from "../catalog/access/users.ts";
import { addAudit } from "../catalog/audit/audit.ts";
import { networkOf } from "../http/client-network.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Settings } from "../settings.ts";
import type { Device } from "./device-cookie.ts";
import { waitForTurn } from "./hash-turns.ts";
import { keyedHash } from "./keyed-hash.ts";
import { isSecret, newSecret, NO_SECRET } from "./passwords.ts";
import { hashSessionId } from "./sessions.ts";

/** A name and password, and where they come from. */
export interface LoginAttempt {
  name: string;
  password: string;
  /** The client's address as Cloudflare gives it; empty where nothing stands in front. */
  address: string;
  /** The id in the cookie that came along: its session ends with this login. */
  replaces: string | null;
  /** The marks in the device's cookie. */
  devices: readonly Device[];
  requestId: string;
}

export type LoginOutcome =
  | { ok: true; sessionId: string; devices: Device[] }
  | { ok: false; code: "login_failed" }
  | { ok: false; code: "login_too_often"; waitSeconds: number };

/** Begins a session for a right password. An unknown name takes the same way and time as a wrong password. */
export async function logIn(
  db: Env["DB"],
  settings: Settings,
  attempt: LoginAttempt,
  now: number,
): Promise<LoginOutcome> {
  const claim = await assess(db, settings, attempt);
  const { closedUntil } = await beginAttempt(db, claim.gates, now);
  if (closedUntil !== null) {
    const waitSeconds = Math.ceil((closedUntil - now) / 1000);
    return { ok: false, code: "login_too_often", waitSeconds };
  }
  const [line, caller] = claim.isKnown
    ? (["known", `user ${attempt.name}`] as const)
    : (["strangers", claim.network] as const);
  if (!(await waitForTurn(line, caller))) {
    await Promise.all(claim.gates.map(({ subject }) => takeAttemptBack(db, [], subject, now)));
    throw new AppError("secrets_busy");
  }
  const user = await checkPassword(db, attempt, claim, now);
  const sessionId = newSecret();
  if (user === null || !(await begin(db, attempt, { ...claim, user, sessionId }, now))) {
    return { ok: false, code: "login_failed" };
  }
  // After a crash before these lines one failure too many is remembered, for an hour, and the network is not.
  await forgive(db, claim.gates, now);
  await rememberNetwork(db, `user ${user.userId}`, claim.place, now);
  return { ok: true, sessionId, devices: markDevice(attempt.devices, user.userId, now) };
}

/** The user whose password it is; null when it is not, which is noted. */
async function checkPassword(
  db: Env["DB"],
  { name, password, requestId }: LoginAttempt,
  { user, network }: Claim,
  now: number,
): Promise<Login | null> {
  const isRight = await isSecret(password, user?.passwordHash ?? NO_SECRET);
  if (user !== null && isRight) {
    return user;
  }
  // People type passwords where names belong: only a name that exists is kept.
  const subject = user === null ? null : `user ${name}`;
  const author = { actor: "nobody", origin: { requestId, network }, now };
  await addAudit(db, { action: "login refused", subject }, author);
  return null;
}

/** Begins a session; false when the password was changed or the user deleted meanwhile. */
async function begin(
  db: Env["DB"],
  { name, replaces, requestId }: LoginAttempt,
  { user, network, sessionId }: { user: Login; network: string; sessionId: string },
  now: number,
): Promise<boolean> {
  const created = {
    ...user,
    idHash: await hashSessionId(sessionId),
    replaces: replaces === null ? null : await hashSessionId(replaces),
  };
  return createSession(db, created, {
    actor: `user ${name}`,
    origin: { requestId, network },
    now,
  });
}

/** What an attempt is checked against. */
interface Claim {
  network: string;
  /** The network as `known_networks` has it. */
  place: string;
  user: Login | null;
  /** Did the user log in from that device or network before? */
  isKnown: boolean;
  gates: NamedGate[];
}

async function assess(
  db: Env["DB"],
  settings: Settings,
  { name, address, devices }: LoginAttempt,
): Promise<Claim> {
  const network = networkOf(address);
  const place = await keyedHash(settings, "network", "user", name, network);
  const user = await findLogin(db, name, place);
  const device = devices.find(({ userId }) => userId === user?.userId);
  const knowsNetwork = user?.knowsNetwork === true;
  const gate = async (of: keyof typeof BOUNDS, ...parts: string[]) => {
    const subject = await keyedHash(settings, "login gate", of, ...parts);
    return { of, subject, ...BOUNDS[of] };
  };
  const gates =
    device === undefined
      ? [
          gate("pair", name, network),
          gate("network", network),
          ...(knowsNetwork ? [] : [gate("name", name)]),
        ]
      : [gate("device", device.id)];
  const isKnown = device !== undefined || knowsNetwork;
  return { network, place, user, isKnown, gates: await Promise.all(gates) };
}

/** Takes an attempt back that was right. It does not clear a network: its owner could otherwise log in now and then to go
 * on guessing the passwords of others. */
async function forgive(db: Env["DB"], gates: readonly NamedGate[], began: number): Promise<void> {
  const cleared = gates.filter(({ of }) => of !== "network").map(({ subject }) => subject);
  const eased = gates.find(({ of }) => of === "network")?.subject ?? "";
  await takeAttemptBack(db, cleared, eased, began);
}

/** The marks of a device that a user logs in with: theirs, anew or with the id that it has, before those of others. */
function markDevice(devices: readonly Device[], userId: number, now: number): Device[] {
  const known = devices.find((device) => device.userId === userId);
  const id = known?.id ?? newSecret().slice(0, 32);
  const others = devices.filter((device) => device.userId !== userId);
  return [{ userId, id, issuedAt: Math.floor(now / 1000) }, ...others];
}

/** A gate, and what it is of. */
type NamedGate = LoginGate & { of: keyof typeof BOUNDS };

/** What a login's failure counts against (LIMITS says why): with the cookie of a device there alone; from a network that
 * the user logged in from before not against the name, whose gate strangers may have closed. */
const BOUNDS = {
  pair: LIMITS.loginOfPair,
  network: LIMITS.loginOfNetwork,
  name: LIMITS.loginOfName,
  device: LIMITS.loginOfDevice,
} as const;
