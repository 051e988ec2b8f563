// What triggers of schema.sql refuse, by the code of the refusal: they raise 'stowage <code>'.

import { isErrorCode } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";

/** What refuses a batch for a reason that no client is told: somebody was faster, and it may be tried again. */
export type Contention = "artifact_renamed" | "object_gone";

/** Why a batch was refused; null where it failed for another reason. */
export function refusalIn(error: unknown): ErrorCode | Contention | null {
  const code = /stowage (\w+)/u.exec(String(error))?.[1] ?? null;
  if (code === "artifact_renamed" || code === "object_gone" || code === null) {
    return code;
  }
  return isErrorCode(code) ? code : null;
}
