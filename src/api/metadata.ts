// The requests that all metadata endpoints have in common: a key in the path or the body, and a value.

import type { Noted } from "../catalog/metadata-room.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { MetadataRequest } from "../protocol/requests.ts";
import { readJson } from "./json-body.ts";
import { isName } from "./path-name.ts";

/** The key and the value that a request sets; `key` is that of the path, where it has one. */
export async function readMetadata(
  request: Request,
  key: string | null,
): Promise<{ key: string; value: unknown }> {
  const body = await readJson(request, MetadataRequest);
  const checked = requireMetadataKey(key ?? body.key);
  if (body.value === null || body.value === "") {
    throw new AppError("metadata_value_missing");
  }
  return { key: checked, value: body.value };
}

/** A key that can stand in a URL, by which alone it is deleted. */
export function requireMetadataKey(key: string | null): string {
  if (key === null || key === "") {
    throw new AppError("key_unspecified");
  }
  if (!isName(key, LIMITS.metadataKey)) {
    throw new AppError("metadata_key_invalid", `'${key}'`);
  }
  return key;
}

/** Refuses what the catalog refused. */
export function requireNoted(noted: Noted): void {
  switch (noted) {
    case "noted":
      return;
    case "full":
      throw new AppError("metadata_full");
    case "foreign":
      throw new AppError("blob_forbidden");
  }
}
