import type { Context } from "hono";

import type { AppEnv } from "../../app-env.ts";
import type { AppError } from "../../protocol/errors.ts";
import { ERRORS, helpFor } from "../../protocol/errors.ts";

/** A refusal as Debusine's client reads it: this very content type, these keys and no others. */
export function renderProblem(
  c: Context<AppEnv>,
  { code, detail, members }: Pick<AppError, "code" | "detail" | "members">,
): Response {
  const { status, message } = ERRORS[code];
  const text = [detail, helpFor(code)].filter((part) => part !== null).join(". ");
  const body = {
    title: message.charAt(0).toUpperCase() + message.slice(1),
    ...(text === "" ? {} : { detail: text }),
    ...(members === null ? {} : { validation_errors: members }),
  };
  return c.body(JSON.stringify(body), status, { "Content-Type": "application/problem+json" });
}
