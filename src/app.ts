// Every URL prefix and every middleware, in order, and the one place where errors become answers.

import type { Context } from "hono";
import { methodNotAllowed } from "hono/method-not-allowed";
import { routePath } from "hono/route";

import { api } from "./api/api.ts";
import { debusine } from "./api/debusine/debusine.ts";
import { renderProblem } from "./api/debusine/problem.ts";
import { allowOrigins } from "./api/files/cors.ts";
import { files } from "./api/files/files.ts";
import { renderFilesRefusal } from "./api/files/refuse.ts";
import { requireRoom } from "./api/require-room.ts";
import { requireKnown } from "./api/route-terms.ts";
import { Routes } from "./app-env.ts";
import type { AppEnv } from "./app-env.ts";
import { authorOf, payerOf, requestNetwork } from "./auth/author.ts";
import { identify, requireStillGood } from "./auth/identify.ts";
import { mayNoteRefusal, openBill, requireTurn } from "./auth/rates.ts";
import { mayRecall } from "./auth/recall.ts";
import { findSession } from "./auth/sessions.ts";
import { addAudit } from "./catalog/audit/audit.ts";
import { forgetLookups } from "./catalog/lookups.ts";
import { refusalIn } from "./catalog/refusals.ts";
import { requireSchema } from "./catalog/schema-number.ts";
import { preferredForm } from "./http/accepts.ts";
import { afterBody } from "./http/after-body.ts";
import { setPayer } from "./http/paid-by.ts";
import { requestLine } from "./http/request-line.ts";
import { mayChange } from "./http/same-origin.ts";
import { apiDocs } from "./pages/api-docs.tsx";
import { browse } from "./pages/browse.tsx";
import { debusineUrls } from "./pages/debusine-urls.ts";
import { renderError } from "./pages/errors.tsx";
import { home } from "./pages/home.tsx";
import { login } from "./pages/login.tsx";
import { workspaces } from "./pages/workspace.tsx";
import { AppError, ERRORS, helpFor, isAppError, messageFor } from "./protocol/errors.ts";
import type { ErrorCode } from "./protocol/errors.ts";
import { actorOf } from "./protocol/identity.ts";
import { parseCount } from "./protocol/ids.ts";
import { LIMITS } from "./protocol/limits.ts";
import { isFilesPath, TUS_VERSION } from "./protocol/tus.ts";
import { HOME_URL, isPagePath } from "./protocol/urls.ts";
import { readSettings } from "./settings.ts";

/** The whole service over HTTP. */
export const app = new Routes({
  // Clients that were redirected from http keep the slash of the new address and add their own.
  getPath: (request) => new URL(request.url).pathname.replace(/^\/+/u, "/"),
});

app.use(async (c, next) => {
  const began = Date.now();
  c.set("requestId", crypto.randomUUID());
  await next();
  logRequest(c, began);
  noteRefusal(c);
  secure(c.res.headers, c.var.requestId);
  allowOrigins(c);
  if (isFilesPath(c.req.path)) {
    c.res.headers.set("Tus-Resumable", TUS_VERSION);
  }
  if (c.req.url.startsWith("https:")) {
    c.res.headers.set("Strict-Transport-Security", "max-age=31536000; includeSubDomains"); // RFC 6797 §7.2: never over http
  }
  if (c.get("session") && /^(?:text\/html|application\/json)\b/u.test(typeOf(c.res))) {
    c.res.headers.set("Cache-Control", "private, no-store"); // nothing of it is left after a logout
  }
});

app.use(
  methodNotAllowed({
    app,
    onMethodNotAllowed: (c, methods) => {
      const allow = [...methods, "OPTIONS"].join(", ");
      const response =
        c.req.method === "OPTIONS"
          ? new Response(null, { status: 204 })
          : answerError(c, new AppError("method_not_allowed", c.req.method));
      response.headers.set("Allow", allow);
      return response;
    },
  }),
);

app.use(async (c, next) => {
  c.set("settings", readSettings(c.env));
  const { raw: request, path, method } = c.req;
  const isPage = isPagePath(path);
  if (isPage && !mayChange(method, request.headers, request.url)) {
    throw new AppError("cross_site_request");
  }
  const now = Date.now();
  await requireSchema(c.env.DB, now);
  const bill = openBill(c);
  const moment = { now, recalls: mayRecall(method, path) };
  const identity = await identify(request.headers, c.env.DB, c.var.settings, moment);
  // Credentials in a header count before a cookie, also when they are refused.
  const asksCookie = isPage && identity.kind === "nobody" && identity.refusal === null;
  const session = asksCookie ? await findSession(request, c.env.DB, now) : null;
  c.set("session", session);
  c.set(
    "identity",
    session === null
      ? identity
      : { kind: "user", userId: session.userId, name: session.user, tokenId: null },
  );
  setPayer(request, payerOf(c));
  if (identity.kind !== "nobody" && !moment.recalls) {
    afterBody(request, () => requireStillGood(request.headers, c.env.DB, c.var.settings, now));
  }
  await requireTurn(c, bill);
  await requireKnown(c);
  await requireRoom(c);
  await next();
  if (!isRead(method)) {
    forgetLookups(); // an object may have made the change
  }
});

app.route("/", home);
app.route("/", login);
app.route("/", apiDocs);
app.route("/a", browse);
app.route("/w", workspaces);
app.route("/api/1.0", debusine);
app.route("/", files);
app.route("/", api);
app.route("/", debusineUrls);

app.notFound((c) => answerError(c, new AppError("route_not_found")));

app.onError((error, c) => {
  if (isAppError(error)) {
    return answerError(c, error);
  }
  // Any statement may be the one that adds an entry too many.
  if (refusalIn(error) === "entries_exceeded") {
    return answerError(c, new AppError("entries_exceeded"));
  }
  console.error(`Request ${c.get("requestId")} failed`, error);
  return answerError(c, new AppError("internal"));
});

/** Seconds after which a request that was refused so may succeed. */
const RETRY_AFTER: Partial<Record<ErrorCode, string>> = {
  storage_unavailable: "2",
  service_busy: "5",
  schema_outdated: String(LIMITS.schemaMemory / 1000),
  object_newer: "10",
  secrets_busy: String(LIMITS.hashWait / 1000),
  too_many_requests: String(LIMITS.rateHold / 1000),
};

function answerError(c: Context<AppEnv>, refusal: AppError): Response {
  const { code, detail } = refusal;
  const { status } = ERRORS[code];
  c.set("refusal", code);
  if (status === 401) {
    c.header("WWW-Authenticate", 'Bearer realm="stowage"'); // RFC 9110 §15.5.2
  }
  if (code === "body_encoded") {
    c.header("Accept-Encoding", "identity"); // RFC 9110 §15.5.16
  }
  const wait = RETRY_AFTER[code];
  if (wait !== undefined) {
    c.header("Retry-After", wait);
  }
  c.header("Cache-Control", "no-store");
  if (c.req.path.startsWith("/api/")) {
    return renderProblem(c, refusal);
  }
  if (isFilesPath(c.req.path)) {
    return renderFilesRefusal(c, refusal);
  }
  const shown = { status, message: messageFor(code, detail), detail, help: helpFor(code) };
  return renderError(c, shown, isForPeople(c, code) ? "text" : "json");
}

/** Is the answer negotiated, as people's pages are? Those of the API are JSON, whatever a client says it accepts; an
 * address that belongs to neither is a page to a browser. */
function isForPeople(c: Context<AppEnv>, code: ErrorCode): boolean {
  return (
    (isPagePath(c.req.path) && c.req.path !== HOME_URL) ||
    (code === "route_not_found" && preferredForm(c.req.header("Accept") ?? null, "json") === "html")
  );
}

/** Notes a request once its answer has headers; a body that follows is not watched, so that it is piped outside JavaScript. */
function logRequest(c: Context<AppEnv>, began: number): void {
  // A request that failed early has not all of them.
  const { settings, identity, refusal }: Partial<AppEnv["Variables"]> = c.var;
  if (settings !== undefined && !settings.requestLog) {
    return;
  }
  const now = Date.now();
  const facts = {
    status: c.res.status,
    method: c.req.method,
    route: routeOf(c),
    who: identity === undefined ? null : actorOf(identity),
    ms: now - began,
    in: lengthOf(c.req.raw.headers),
    out: lengthOf(c.res.headers),
    error: refusal ?? null,
    from: requestNetwork(c),
    id: c.var.requestId,
  };
  console.log(requestLine(now, facts));
}

/** Notes after the answer that somebody was refused, so many times a minute; a stranger has the log alone, as who likes
 * to could fill the audit. */
function noteRefusal(c: Context<AppEnv>): void {
  const { identity, refusal }: Partial<AppEnv["Variables"]> = c.var;
  if (identity === undefined || identity.kind === "nobody" || refusal === undefined) {
    return;
  }
  const { status } = ERRORS[refusal];
  if (status !== 401 && status !== 403 && status !== 429) {
    return;
  }
  const author = authorOf(c);
  const note = {
    action: "refused",
    workspaceId: identity.kind === "workspace" ? identity.workspaceId : null,
    detail: { error: refusal, method: c.req.method, route: routeOf(c) },
  };
  const add = async () => {
    if (await mayNoteRefusal(c.env, author.actor)) {
      await addAudit(c.env.DB, note, author);
    }
  };
  c.executionCtx.waitUntil(add());
}

function isRead(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}

/** The pattern of the route that answered; null when none did. */
function routeOf(c: Context<AppEnv>): string | null {
  const route = routePath(c);
  return route === "*" || route === "/*" ? null : route;
}

function lengthOf(headers: Headers): number | null {
  return parseCount(headers.get("Content-Length") ?? "");
}

function typeOf(response: Response): string {
  return response.headers.get("Content-Type") ?? "";
}

/** The headers of every answer. Those of a user's bytes are stricter and set where they are sent; only pages and bytes
 * say that they may be kept. */
function secure(headers: Headers, requestId: string): void {
  headers.set("X-Request-Id", requestId);
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("Referrer-Policy", "no-referrer");
  headers.set("Vary", "Cookie, Token, Authorization, Accept");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  if (!headers.has("Cache-Control")) {
    headers.set("Cache-Control", "no-store"); // a cache would guess otherwise (RFC 9111 §4.2.2)
  }
  if (!headers.has("Content-Security-Policy")) {
    headers.set(
      "Content-Security-Policy",
      "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
  }
}
