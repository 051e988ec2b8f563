// What a request's headers say of its body, and whether it is so. Nothing is undone: a body in a coding or in a form
// is refused, as its bytes are not those that somebody means to find again (docs/decisions/022).

import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";

import type { BodyPromise, DigestAlgorithm } from "../protocol/body-promise.ts";
import type { ErrorCode, Outcome } from "../protocol/errors.ts";
import { readDigests } from "./digest-headers.ts";

/** What a body is: the content, where a Content-Range means nothing; or, where it does, all of a file or a part of one. */
type Extent = "content" | "file" | "part";

/** Reads what is promised; refuses what could only be heeded by undoing it, or not at all. */
export function readBodyPromise(
  headers: Headers,
  extent: Extent,
): Outcome<{ promise: BodyPromise }> {
  const coding = headers.get("Content-Encoding");
  if (coding !== null && !/^\s*(?:identity\s*)?$/iu.test(coding)) {
    return { ok: false, code: "body_encoded", detail: `'${coding}'` };
  }
  const range = headers.get("Content-Range");
  if (range !== null && extent === "content") {
    // RFC 9110 §14.5: as a server answers that takes no parts.
    return { ok: false, code: "content_range_unexpected", detail: `'${range}'` };
  }
  const { digests, unreadable } = readDigests(headers, extent === "part");
  if (unreadable !== null) {
    return { ok: false, code: "body_digest_unknown", detail: unreadable };
  }
  return { ok: true, promise: { boundary: boundaryOf(headers), digests } };
}

function boundaryOf(headers: Headers): string | null {
  const type = headers.get("Content-Type") ?? "";
  const isForm = /^\s*multipart\/form-data\s*(?:;|$)/iu.test(type);
  if (!isForm && /^\s*multipart\//iu.test(type)) {
    return null; // a file in parts, such as a saved mail
  }
  // curl adds the boundary of its form to whatever type it was given.
  const [, quoted, plain] = /;\s*boundary\s*=\s*(?:"([^"]*)"|([^\s;"]+))/iu.exec(type) ?? [];
  return quoted ?? plain ?? (isForm ? "" : null);
}

/** Bytes in which a form shows itself: a boundary has at most 70 (RFC 2046 §5.1.1), headers of a part follow. */
const HEAD = 512;

/** Holds a body that passes against what was promised of it. */
export class BodyCheck {
  readonly #promise: BodyPromise;
  readonly #hashes: Map<DigestAlgorithm, Hash>;
  #head = "";

  constructor(promise: BodyPromise) {
    this.#promise = promise;
    const algorithms = promise.digests.map(({ algorithm }) => algorithm);
    this.#hashes = new Map(algorithms.map((algorithm) => [algorithm, createHash(algorithm)]));
  }

  /** Takes the next bytes; a refusal is final. */
  update(bytes: Uint8Array): ErrorCode | null {
    for (const hash of this.#hashes.values()) {
      hash.update(bytes);
    }
    if (this.#promise.boundary === null || this.#head.length >= HEAD) {
      return null;
    }
    const more = bytes.subarray(0, HEAD - this.#head.length);
    this.#head += new TextDecoder("latin1").decode(more);
    return this.#head.length >= HEAD ? this.#refuseForm() : null;
  }

  /** What is wrong with the body now that all of it has passed. */
  finish(): ErrorCode | null {
    const refusal = this.#refuseForm();
    if (refusal !== null) {
      return refusal;
    }
    const found = new Map(
      [...this.#hashes].map(([algorithm, hash]) => [algorithm, hash.digest("hex")]),
    );
    const isSame = this.#promise.digests.every(
      ({ algorithm, hex }) => found.get(algorithm) === hex,
    );
    return isSame ? null : "body_digest_mismatch";
  }

  #refuseForm(): ErrorCode | null {
    const { boundary } = this.#promise;
    const head = this.#head.trimStart();
    const isForm =
      boundary === ""
        ? /^--[^\r\n]+\r?\n(?:[\w-]+:[^\r\n]*\r?\n)*?content-disposition:\s*form-data/iu.test(head)
        : boundary !== null && head.startsWith(`--${boundary}`);
    return isForm ? "body_is_form" : null;
  }
}
