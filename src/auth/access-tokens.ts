// The 15-minute tokens of workspace keys: JWT, HS256 only. Each carries the nonce of the key that it was
// given for, so that a deleted or changed key ends its tokens (docs/conformance.md, Shaken Fist).

import { sign, verify } from "hono/utils/jwt/jwt";
import * as v from "valibot";

import type { Outcome } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { Memory } from "./memory.ts";

const ISSUER = "stowage";

const Claims = v.object({
  iss: v.literal(ISSUER),
  type: v.literal("access"),
  sub: v.tuple([v.string(), v.string()]),
  nonce: v.string(),
  // hono/jwt checks the times that are there: a token without one would have no end.
  exp: v.number(),
});

/** What a token says: the workspace and key that it was given for. */
export interface TokenSubject {
  workspace: string;
  keyName: string;
  nonce: string;
}

/** Signs a token. `now` in milliseconds. */
export function signAccessToken(
  subject: TokenSubject,
  secret: string,
  now: number,
): Promise<string> {
  const seconds = Math.floor(now / 1000);
  return sign(
    {
      iss: ISSUER,
      sub: [subject.workspace, subject.keyName],
      nonce: subject.nonce,
      type: "access",
      fresh: false,
      jti: crypto.randomUUID(),
      iat: seconds,
      nbf: seconds,
      exp: seconds + LIMITS.accessTokenSeconds,
    },
    secret,
    "HS256",
  );
}

/** Tokens that held a moment ago, by secret and token: a signature costs as much as the append of a few KiB. */
const checked = new Memory<TokenSubject>();

/** Checks signature, algorithm, times and claims; whether the key still exists is the caller's question. `now` in
 * milliseconds. */
export async function verifyAccessToken(
  token: string,
  secret: string,
  now: number,
): Promise<Outcome<{ subject: TokenSubject }>> {
  const name = `${secret} ${token}`;
  const known = checked.get(name, now);
  if (known !== null) {
    return { ok: true, subject: known };
  }
  try {
    const payload = await verify(token, secret, { alg: "HS256", iss: ISSUER });
    const { sub, nonce, exp } = v.parse(Claims, payload);
    const subject = { workspace: sub[0], keyName: sub[1], nonce };
    checked.add(name, subject, now, exp * 1000);
    return { ok: true, subject };
  } catch (error) {
    const isExpired = error instanceof Error && error.name === "JwtTokenExpired";
    return { ok: false, code: isExpired ? "token_expired" : "token_invalid" };
  }
}
