// How the Worker and an upload object speak: JSON bodies and, beside a body of bytes, headers.

import type { Uuid } from "../protocol/ids.ts";
import type { AppendTerms, SealGuard, SealIntent } from "../protocol/uploads.ts";

/** Names the caller's workspace; checked against the upload's owner. */
export const WORKSPACE_HEADER = "x-workspace-id";
const TERMS_HEADER = "x-append-terms";

export interface OpenRequest {
  uuid: Uuid;
  workspaceId: number;
  room: number | null;
}

export interface SealRequest {
  intent: SealIntent;
  guard: SealGuard;
}

export interface ExpireRequest {
  idleBefore: number;
}

type WireTerms = Omit<AppendTerms, "digest"> & {
  digest: { algorithm: "sha256" | "sha512"; hex: string } | null;
};

/** The headers that go with an append. */
export function appendHeaders(workspaceId: number, { digest, ...terms }: AppendTerms): Headers {
  const wire: WireTerms = {
    ...terms,
    digest: digest && { algorithm: digest.algorithm, hex: digest.bytes.toHex() },
  };
  return new Headers({
    [WORKSPACE_HEADER]: String(workspaceId),
    [TERMS_HEADER]: JSON.stringify(wire),
  });
}

/** What appendHeaders wrote. */
export function readAppendTerms(headers: Headers): AppendTerms {
  const { digest, ...terms } = JSON.parse(headers.get(TERMS_HEADER) ?? "") as WireTerms;
  return {
    ...terms,
    digest: digest && { algorithm: digest.algorithm, bytes: Uint8Array.fromHex(digest.hex) },
  };
}
