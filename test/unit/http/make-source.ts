import type { ByteSource } from "../../../src/http/content.ts";

export const ETAG = '"sha512-abc"';
const LAST_MODIFIED = Date.UTC(2026, 9, 21, 7, 28, 0, 789);
export const LAST_MODIFIED_TEXT = "Wed, 21 Oct 2026 07:28:00 GMT";
export const DIGEST = "sha-256=:AAAA:";

const CHUNK = 64;

/** A source that remembers what it was asked and how each send ended. */
export interface RecordingSource extends ByteSource {
  asked: { start: number; end: number }[];
  /** Bytes that the streams given to send() took over. */
  taken: number;
  outcomes: ("sent" | "stopped")[];
}

/** Makes `size` bytes of a pattern that tells positions apart; `failAt` is the position that cannot be read. */
export function makeSource(size: number, failAt = Infinity): RecordingSource {
  const content = pattern(size);
  const source: RecordingSource = {
    size,
    etag: ETAG,
    lastModified: LAST_MODIFIED,
    reprDigest: DIGEST,
    asked: [],
    taken: 0,
    outcomes: [],
    async send(start, end, to) {
      source.asked.push({ start, end });
      const writer = to.getWriter();
      try {
        for (let at = start; at < end; at += CHUNK) {
          if (at >= failAt) {
            throw new Error("Cannot read the blob");
          }
          const chunk = content.slice(at, Math.min(at + CHUNK, end));
          await writer.write(chunk);
          source.taken += chunk.byteLength;
        }
        source.outcomes.push("sent");
      } catch (error) {
        source.outcomes.push("stopped");
        throw error;
      } finally {
        writer.releaseLock();
      }
    },
  };
  return source;
}

/** The bytes of makeSource(). */
function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => 97 + (index % 23));
}

/** The same bytes as text, from `start` to `end`. */
export function patternText(start: number, end: number): string {
  return new TextDecoder().decode(pattern(end).slice(start));
}
