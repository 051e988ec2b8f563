import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";

import type { AppEnv } from "../app-env.ts";
import { preferredForm } from "../http/accepts.ts";
import type { Form } from "../http/accepts.ts";
import { ErrorPage } from "./error-page.tsx";
import { frameOf } from "./frame.ts";
import { renderPage } from "./layout.tsx";

/** A refusal as it is shown. */
export interface ShownError {
  status: ContentfulStatusCode;
  message: string;
  detail: string | null;
  help: string | null;
}

/** Answers a refusal in the form that the client likes best: JSON to the API's clients, a page to people. */
export function renderError(c: Context<AppEnv>, shown: ShownError, fallback: Form): Response {
  const { status, message, detail, help } = shown;
  const { requestId } = c.var;
  const form =
    fallback === "json" ? "json" : preferredForm(c.req.header("Accept") ?? null, fallback);
  switch (form) {
    case "json": {
      const extra = Object.entries({ detail, help }).filter(([, value]) => value !== null);
      const body = { error: message, status, ...Object.fromEntries(extra), request_id: requestId };
      return c.json(body, status);
    }
    case "text": {
      const lines = [
        detail === null ? message : `${message}: ${detail}`,
        help,
        `Request ${requestId}`,
      ];
      return c.text(`${lines.filter((line) => line !== null).join("\n")}\n`, status);
    }
    case "html": {
      const title = message.charAt(0).toUpperCase() + message.slice(1);
      const page = { status, title, message: detail, detail: help, requestId };
      return c.html(renderPage(<ErrorPage {...page} />, frameOf(c)), status);
    }
  }
}
