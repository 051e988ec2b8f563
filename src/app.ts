// Every URL prefix and every middleware, in order, and the one place where errors become answers.

import { Hono } from "hono";
import type { Context } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";

import { api } from "./api/api.ts";
import type { AppEnv } from "./app-env.ts";
import { identify } from "./auth/identify.ts";
import { preferredForm } from "./http/accepts.ts";
import { browse } from "./pages/browse.tsx";
import { renderError } from "./pages/errors.tsx";
import { home } from "./pages/home.tsx";
import { workspaces } from "./pages/workspace.tsx";
import { ERRORS, helpFor, isAppError, messageFor } from "./protocol/errors.ts";
import type { ErrorCode } from "./protocol/errors.ts";
import { readSettings } from "./settings.ts";

/** The whole service over HTTP. */
export const app = new Hono<AppEnv>({
  // Clients that were redirected from http keep the slash of the new address and add their own.
  getPath: (request) => new URL(request.url).pathname.replace(/^\/+/u, "/"),
});

app.use(async (c, next) => {
  c.set("requestId", crypto.randomUUID());
  await next();
  secure(c.res.headers, c.var.requestId);
});

app.use(
  methodNotAllowed({
    app,
    onMethodNotAllowed: (c, methods) => {
      const allow = [...methods, "OPTIONS"].join(", ");
      const response =
        c.req.method === "OPTIONS"
          ? new Response(null, { status: 204 })
          : answerError(c, "method_not_allowed", c.req.method);
      response.headers.set("Allow", allow);
      return response;
    },
  }),
);

app.use(async (c, next) => {
  c.set("settings", readSettings(c.env));
  c.set("identity", await identify(c.req.raw.headers, c.env.DB, c.var.settings, Date.now()));
  await next();
});

app.route("/", home);
app.route("/a", browse);
app.route("/w", workspaces);
app.route("/", api);

app.notFound((c) => answerError(c, "route_not_found", null));

app.onError((error, c) => {
  if (isAppError(error)) {
    return answerError(c, error.code, error.detail);
  }
  console.error(`Request ${c.get("requestId")} failed`, error);
  return answerError(c, "internal", null);
});

function answerError(c: Context<AppEnv>, code: ErrorCode, detail: string | null): Response {
  const isPage = isForPeople(c, code);
  const { status } = ERRORS[code];
  if (status === 401) {
    c.header("WWW-Authenticate", 'Bearer realm="stowage"'); // RFC 9110 §15.5.2
  }
  if (code === "storage_unavailable") {
    c.header("Retry-After", "2");
  }
  c.header("Cache-Control", "no-store");
  const shown = { status, message: messageFor(code, detail), detail, help: helpFor(code) };
  return renderError(c, shown, isPage ? "text" : "json");
}

/** Is the answer negotiated, as people's pages are? Those of the API are JSON, whatever a client says it accepts; an
 * address that belongs to neither is a page to a browser. */
function isForPeople(c: Context<AppEnv>, code: ErrorCode): boolean {
  return (
    /^\/+(?:[aw](?:\/|$)|login$)/u.test(new URL(c.req.url).pathname) ||
    (code === "route_not_found" && preferredForm(c.req.header("Accept") ?? null, "json") === "html")
  );
}

/** The headers of every answer. Those of a user's bytes are stricter and set where they are sent. */
function secure(headers: Headers, requestId: string): void {
  headers.set("X-Request-Id", requestId);
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("Referrer-Policy", "no-referrer");
  headers.set("Vary", "Cookie, Token, Authorization, Accept");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  if (!headers.has("Content-Security-Policy")) {
    headers.set(
      "Content-Security-Policy",
      "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
  }
}
