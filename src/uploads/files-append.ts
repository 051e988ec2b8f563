// May an append under /files/ begin, and how long is the upload then? Pure, as state.ts is.

import type { Outcome } from "../protocol/errors.ts";
import type { FilesTerms } from "../protocol/uploads.ts";
import { decideAppend, offsetOf } from "./state.ts";
import type { UploadBasis, UploadState } from "./state.ts";

type Decision = Outcome<{ length: number | null; isRepeat: boolean }>;

/** `isRepeat`: all of it is there, and the client asks for the answer again; a body of unknown length must then be empty. */
export function decideFilesAppend(state: UploadState, terms: FilesTerms): Decision {
  if (state.plan?.concat?.startsWith("final") === true) {
    return { ok: false, code: "upload_is_final" };
  }
  if (state.phase === "sealed" || (state.phase === "sealing" && "explode" in state.intent)) {
    return decideRepeat(state, terms);
  }
  const at = decideAppend(state, { offset: terms.offset, length: null });
  const decided = at.ok ? decideLength(state, terms.uploadLength) : at;
  if (!decided.ok) {
    return decided;
  }
  const { length } = decided;
  const fits = decideAppend({ ...state, length }, terms);
  return fits.ok ? { ok: true, length, isRepeat: false } : fits;
}

function decideRepeat(state: UploadState, terms: FilesTerms): Decision {
  const offset = offsetOf(state);
  if (terms.offset !== offset) {
    return {
      ok: false,
      code: "upload_offset_conflict",
      detail: `at ${offset}, not ${terms.offset}`,
    };
  }
  const asksAgain = terms.completes !== "later"; // by the IETF's protocol the final answer is of a final request
  return asksAgain && (terms.length === 0 || terms.length === null)
    ? { ok: true, length: state.length, isRepeat: true }
    : refuseMore(terms);
}

/** The refusal of bytes behind a complete upload. */
export function refuseMore({ endsWhenTooLong }: FilesTerms): Decision & { ok: false } {
  return { ok: false, code: endsWhenTooLong ? "upload_offset_conflict" : "upload_too_long" };
}

/** What an upload is to have once a request says `given`; refused when it was said otherwise, or has more. */
function decideLength(
  state: UploadBasis,
  given: number | null,
): Outcome<{ length: number | null }> {
  const { length } = state;
  const offset = offsetOf(state);
  if (given === null || given === length) {
    return { ok: true, length };
  }
  if (length !== null || given < offset || state.plan === null) {
    const now = length === null ? `${offset} bytes are there` : `it is ${length}`;
    return { ok: false, code: "upload_length_conflict", detail: `${now}, not ${given}` };
  }
  return { ok: true, length: given };
}
