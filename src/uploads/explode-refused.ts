import { messageFor } from "../protocol/errors.ts";
import type { ErrorCode } from "../protocol/errors.ts";
import type { ExplodeRefusal } from "./explode-rows.ts";

/** Thrown where the archive could be read, and is refused all the same. */
export class ExplodeRefused extends Error {
  override readonly name = "ExplodeRefused";
  readonly refusal: ExplodeRefusal;

  constructor(code: ErrorCode, detail: string | null) {
    const message = messageFor(code, detail);
    super(code === "artifact_explode_strict" ? `${message}: ${detail}` : message);
    this.refusal = { message: this.message, again: AGAIN.get(code) ?? "at once" };
  }
}

/** When to read an archive again that was refused with such a code. */
const AGAIN = new Map<ErrorCode, ExplodeRefusal["again"]>([
  ["artifact_explode_folders", "never"],
  ["artifact_explode_refused", "never"],
  ["artifact_explode_strict", "at once"],
  ["quota_exceeded", "with room"],
]);
