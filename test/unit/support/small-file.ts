import { RunningChecksums } from "../../../src/blobs/checksums.ts";
import type { SmallFile } from "../../../src/drafts/store-pack.ts";

/** A file as a request brings it. */
export function smallFile(path: string, bytes: Uint8Array): SmallFile {
  const running = new RunningChecksums();
  running.update(bytes);
  return { path, bytes, checksums: running.digests() };
}
