// The bytes of a declared file, from the first to the last, unless it is small and comes whole (src/drafts). They
// go through an upload object, one for each content of an artifact, whichever path it was sent under. Several clients may bring the same file: whoever is at another offset is told the right one.

import { claimUpload, findClaim } from "../catalog/publish/drafted.ts";
import type { AwaitedContent } from "../catalog/publish/drafted.ts";
import type { BodyPromise } from "../protocol/body-promise.ts";
import type { Outcome } from "../protocol/errors.ts";
import { newUuid } from "../protocol/ids.ts";
import type { Uuid } from "../protocol/ids.ts";
import { UploadGateway } from "../uploads/gateway.ts";

/** A missing file of a draft. */
export interface Awaited extends AwaitedContent {
  workspaceId: number;
  draft: Uuid;
}

/** Bytes of a file from `start` on. */
export interface Piece {
  start: number;
  length: number;
  body: ReadableStream<Uint8Array> | null;
  promise?: BodyPromise;
}

/** What a file is then: complete, or a beginning of `held` bytes. `elsewhere`: somebody else completed it, or it is gone. */
export type Delivered = Outcome<
  { kind: "complete" } | { kind: "partial"; held: number } | { kind: "elsewhere" }
>;

/** Adds bytes to a file. */
export async function deliverPiece(env: Env, to: Awaited, piece: Piece): Promise<Delivered> {
  const begun = await findClaim(env.DB, to);
  if (begun === null && piece.start > 0) {
    await piece.body?.cancel();
    return gap(piece.start, 0);
  }
  const claimed =
    begun === null
      ? await claimUpload(env.DB, newUuid(), to, Date.now())
      : { ok: true as const, uuid: begun };
  if (!claimed.ok || claimed.uuid === null) {
    await piece.body?.cancel();
    return claimed.ok ? { ok: true, kind: "elsewhere" } : claimed;
  }
  return new Delivery(env, to, claimed.uuid).append(piece);
}

/** Finds how much of a file is there. */
export async function askHeld(env: Env, to: Awaited): Promise<Delivered> {
  const begun = await findClaim(env.DB, to);
  return begun === null
    ? { ok: true, kind: "partial", held: 0 }
    : new Delivery(env, to, begun).settle();
}

function gap(start: number, held: number): Delivered {
  return { ok: false, code: "file_range_gap", detail: `${held} bytes are here, not ${start}` };
}

function mismatch(detail: string): Delivered {
  return { ok: false, code: "file_content_mismatch", detail };
}

/** One request about one content. */
class Delivery {
  readonly #gateway: UploadGateway;
  readonly #to: Awaited;
  readonly #uuid: Uuid;

  constructor(env: Env, to: Awaited, uuid: Uuid) {
    this.#gateway = new UploadGateway(env.UPLOADS, to.workspaceId);
    this.#to = to;
    this.#uuid = uuid;
  }

  async append({ start, length, body, promise }: Piece): Promise<Delivered> {
    const found = await this.#findEnd(start);
    if (!found.ok || found.kind !== "partial") {
      await body?.cancel();
      return found;
    }
    const terms = { offset: start, length, ...(promise && { promise }) };
    // Only from where the end was seen: another client may be adding to it.
    const cut = found.held === start ? {} : { cutFrom: found.held };
    const appended = await this.#gateway.append(this.#uuid, body, { ...terms, ...cut });
    return appended.ok ? this.#judge(appended.size) : this.#explain(appended);
  }

  /** Says how much is there; all of it is made the file. */
  async settle(): Promise<Delivered> {
    const view = await this.#gateway.view(this.#uuid);
    if (view.ok) {
      return this.#judgeOrDrop(view.size);
    }
    // Claimed, and not opened yet or no more: none of it is there.
    return view.code === "upload_not_found" ? this.#partial(0) : this.#explain(view);
  }

  /** Opens the upload and finds its end, at or behind `start`. A file that is all there is judged first. */
  async #findEnd(start: number): Promise<Delivered> {
    const view = await this.#gateway.open(this.#uuid);
    if (!view.ok) {
      return this.#explain(view);
    }
    if (view.size < this.#to.size) {
      return start > view.size ? gap(start, view.size) : this.#partial(view.size);
    }
    return this.#judgeOrDrop(view.size);
  }

  /** Bytes that turn out to be others are dropped, and the file starts again. */
  async #judgeOrDrop(held: number): Promise<Delivered> {
    const judged = await this.#judge(held);
    return judged.ok || judged.code !== "file_content_mismatch" ? judged : this.#partial(0);
  }

  #partial(held: number): Delivered {
    return { ok: true, kind: "partial", held };
  }

  async #judge(held: number): Promise<Delivered> {
    const { workspaceId, draft, sha256, size } = this.#to;
    if (held < size) {
      return this.#partial(held);
    }
    const intent = { workspaceId, draft, sha256, size };
    const sealed = await this.#gateway.seal(this.#uuid, intent, { size: null, sha512: null });
    if (sealed.ok) {
      return { ok: true, kind: "complete" };
    }
    if (sealed.code !== "upload_content_mismatch") {
      return this.#explain(sealed);
    }
    const dropped = await this.#gateway.truncate(this.#uuid, 0, held);
    return dropped.ok ? mismatch(sealed.detail ?? "") : this.#explain(dropped);
  }

  async #explain(refusal: Outcome<object> & { ok: false }): Promise<Delivered> {
    const { code } = refusal;
    if (code === "upload_offset_conflict") {
      const view = await this.#gateway.view(this.#uuid);
      return view.ok ? this.#judge(view.size) : this.#explain(view);
    }
    if (code === "upload_not_found") {
      return { ok: true, kind: "elsewhere" };
    }
    if (code === "upload_too_scattered") {
      // Rewound too often to go on from here: it starts again.
      await this.#gateway.truncate(this.#uuid, 0);
      return mismatch("its beginning was sent too often");
    }
    return code === "upload_sealing" ? { ok: false, code: "storage_unavailable" } : refusal;
  }
}
