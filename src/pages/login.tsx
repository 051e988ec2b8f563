// /login and /logout: sessions of people. That a form is one of ours is checked before (app.ts).

import type { Context } from "hono";

import { Routes } from "../app-env.ts";
import type { AppEnv } from "../app-env.ts";
import { authorOf } from "../auth/author.ts";
import { deviceCookie, readDevices } from "../auth/device-cookie.ts";
import { logIn } from "../auth/login.ts";
import type { LoginOutcome } from "../auth/login.ts";
import { cookieKind, readSessionId, sessionCookie } from "../auth/session-cookie.ts";
import { logOut } from "../auth/sessions.ts";
import { preferredForm } from "../http/accepts.ts";
import { parseLocalPath } from "../http/local-path.ts";
import { useText } from "../http/read-body.ts";
import { AppError, ERRORS } from "../protocol/errors.ts";
import { HOME_URL } from "../protocol/urls.ts";
import { frameOf } from "./frame.ts";
import { renderPage } from "./layout.tsx";
import { LoginPage } from "./login-page.tsx";
import type { LoginPageProps } from "./login-page.tsx";
import { LogoutPage } from "./logout-page.tsx";

export const login = new Routes()
  .get("/login", (c) => {
    requireCookieKind(c);
    c.header("Cache-Control", "no-store");
    const next = nextPath(c, null);
    if (c.var.session !== null) {
      return c.redirect(next, 303);
    }
    if (!wantsPage(c)) {
      throw new AppError("page_private");
    }
    return renderForm(c, { next, name: "", problem: null }, 200);
  })
  .post("/login", async (c) => {
    const kind = requireCookieKind(c);
    c.header("Cache-Control", "no-store");
    const form = await readForm(c.req.raw);
    const [name, password] = [form.get("name"), form.get("password")];
    if (typeof name !== "string" || typeof password !== "string") {
      throw new AppError("request_malformed", "the form has no name or no password");
    }
    const address = c.req.header("CF-Connecting-IP") ?? "";
    const { requestId, settings } = c.var;
    const now = Date.now();
    const attempt = {
      name,
      password,
      address,
      replaces: readSessionId(c.req.raw),
      devices: await readDevices(c.req.raw, settings, now),
      requestId,
    };
    const outcome = await logIn(c.env.DB, settings, attempt, now);
    const next = nextPath(c, form.get("next"));
    if (!outcome.ok) {
      return refuse(c, outcome, { next, name });
    }
    c.header("Set-Cookie", sessionCookie(kind, outcome.sessionId));
    const device = await deviceCookie(kind, outcome.devices, settings);
    c.header("Set-Cookie", device, { append: true });
    return c.redirect(next, 303);
  })
  .get("/logout", (c) => {
    const user = c.var.session?.user ?? null;
    c.header("Cache-Control", "no-store");
    return c.html(renderPage(<LogoutPage user={user} />, frameOf(c)));
  })
  .post("/logout", async (c) => {
    c.header("Cache-Control", "no-store");
    await logOut(c.req.raw, c.env.DB, authorOf(c));
    const kind = cookieKind(c.req.url);
    if (kind !== null) {
      c.header("Set-Cookie", sessionCookie(kind, null));
    }
    return c.redirect(HOME_URL, 303);
  });

function requireCookieKind(c: Context<AppEnv>) {
  const kind = cookieKind(c.req.url);
  if (kind === null) {
    throw new AppError("login_insecure");
  }
  return kind;
}

/** Where a login leads: what the form says, else the query, when it is on this site. */
function nextPath(c: Context<AppEnv>, field: File | string | null): string {
  const next = typeof field === "string" ? field : (c.req.query("next") ?? "");
  return parseLocalPath(next) ?? HOME_URL;
}

function wantsPage(c: Context<AppEnv>): boolean {
  return preferredForm(c.req.header("Accept") ?? null, "html") === "html";
}

function readForm(request: Request): Promise<FormData> {
  const type = request.headers.get("Content-Type") ?? "";
  const read = async (text: string) => {
    try {
      return await new Response(text, { headers: { "Content-Type": type } }).formData();
    } catch {
      throw new AppError("request_malformed", "body is not a form");
    }
  };
  return useText(request, read, { form: "taken" });
}

/** The form once more, to people; the password is not in it. */
function refuse(
  c: Context<AppEnv>,
  outcome: LoginOutcome & { ok: false },
  typed: { next: string; name: string },
): Response {
  const wait = outcome.code === "login_too_often" ? outcome.waitSeconds : null;
  if (wait !== null) {
    c.header("Retry-After", String(wait));
  }
  if (!wantsPage(c)) {
    throw new AppError(outcome.code, wait === null ? null : `${wait} seconds to wait`);
  }
  const { status } = ERRORS[outcome.code];
  if (status === 401) {
    c.header("WWW-Authenticate", 'Bearer realm="stowage"'); // RFC 9110 §15.5.2
  }
  return renderForm(c, { ...typed, problem: { code: outcome.code, wait } }, status);
}

function renderForm(c: Context<AppEnv>, props: LoginPageProps, status: 200 | 401 | 429): Response {
  return c.html(renderPage(<LoginPage {...props} />, frameOf(c)), status);
}
