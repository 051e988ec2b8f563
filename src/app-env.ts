import type { Identity } from "./protocol/identity.ts";
import type { Settings } from "./settings.ts";

/** Hono's type parameters: the bindings, and what the middleware puts on a request. */
export interface AppEnv {
  Bindings: Env;
  Variables: {
    requestId: string;
    settings: Settings;
    identity: Identity;
  };
}
