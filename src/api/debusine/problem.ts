import type { Context } from "hono";

import type { AppEnv } from "../../app-env.ts";
import type { AppError } from "../../protocol/errors.ts";
import { ERRORS, helpFor } from "../../protocol/errors.ts";

/** A refusal as Debusine's client reads it: this very content type, these keys and no others, so that the request's
 * id stands in the text. */
export function renderProblem(
  c: Context<AppEnv>,
  { code, detail, members }: Pick<AppError, "code" | "detail" | "members">,
): Response {
  const { status, message } = ERRORS[code];
  const text = [detail, helpFor(code), `Request ${c.var.requestId}`];
  const body = {
    title: message.charAt(0).toUpperCase() + message.slice(1),
    detail: text.filter((part) => part !== null).join(". "),
    ...(members === null ? {} : { validation_errors: members }),
  };
  return c.body(JSON.stringify(body), status, { "Content-Type": "application/problem+json" });
}
