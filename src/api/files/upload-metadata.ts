// Upload-Metadata of tus: `key value, …`, each value in base64.

import { AppError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";

/** What a client says of its upload, by the keys that mean something here. */
export class UploadMetadata {
  readonly #values: ReadonlyMap<string, Uint8Array>;

  constructor(header: string | null) {
    this.#values = header === null ? new Map() : parse(header);
  }

  /** A value as text, null where there is none; Uppy says "null" where it has none. */
  text(...keys: readonly string[]): string | null {
    for (const key of keys) {
      const bytes = this.#values.get(key);
      const text = bytes === undefined ? "" : decode(key, bytes);
      if (text !== "" && text !== "null") {
        return text;
      }
    }
    return null;
  }
}

function parse(header: string): Map<string, Uint8Array> {
  if (header.length > LIMITS.uploadMetadata) {
    throw new AppError("upload_metadata_malformed", `it is over ${LIMITS.uploadMetadata} bytes`);
  }
  const values = new Map<string, Uint8Array>();
  for (const pair of header.trim() === "" ? [] : header.split(",")) {
    const [key = "", value = "", ...more] = pair.trim().split(" ");
    if (!/^[!-~]+$/u.test(key) || more.length > 0) {
      throw new AppError("upload_metadata_malformed", `'${pair}' is no key and value`);
    }
    if (values.has(key)) {
      throw new AppError("upload_metadata_malformed", `'${key}' is there twice`);
    }
    values.set(key, fromBase64(key, value));
  }
  return values;
}

function fromBase64(key: string, value: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(value);
  } catch {
    throw new AppError("upload_metadata_malformed", `the value of '${key}' is not base64`);
  }
}

function decode(key: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new AppError("upload_metadata_malformed", `the value of '${key}' is not UTF-8`);
  }
}
