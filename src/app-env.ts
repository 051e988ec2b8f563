import { HonoBase } from "hono/hono-base";
import { TrieRouter } from "hono/router/trie-router";
import type { H, RouterRoute } from "hono/types";

import type { ErrorCode } from "./protocol/errors.ts";
import type { Identity, Session } from "./protocol/identity.ts";
import type { Settings } from "./settings.ts";

/** Hono's type parameters: the bindings, and what the middleware puts on a request. */
export interface AppEnv {
  Bindings: Env;
  Variables: {
    requestId: string;
    settings: Settings;
    identity: Identity;
    /** The session whose cookie made the identity; null where a token did, or nothing. */
    session: Session | null;
    /** Why the request was refused; unset where it was not. */
    refusal: ErrorCode;
  };
}

/** Routes and middleware. Hono's usual class brings a second router, which gives up on patterns such as ours at the first
 * request and is a part of every cold start. */
export class Routes extends HonoBase<AppEnv> {
  override router = new TrieRouter<[H, RouterRoute]>();
}
