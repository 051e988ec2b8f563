// The only caller of the binding UPLOADS. An upload's object is named by the upload's uuid.

import { AppError } from "../protocol/errors.ts";
import type { ErrorCode, Outcome } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import type {
  AppendTerms,
  ArtifactIntent,
  ExpiryReply,
  FetchJob,
  FilesTerms,
  JoinedPart,
  RestedPart,
  SealGuard,
  SealIntent,
  SealResult,
  UploadFacts,
  UploadPlan,
  UploadView,
} from "../protocol/uploads.ts";
import { appendHeaders, WORKSPACE_HEADER } from "./internal.ts";
import type {
  ExpireRequest,
  ExplodeRequest,
  FetchRequest,
  Inspection,
  JoinRequest,
  OpenRequest,
  BundleCall,
  RestRequest,
  SealRequest,
  TakeRequest,
} from "./internal.ts";
import { isLost } from "./lost-object.ts";

/** The uploads of one workspace; those of others do not exist for it. */
export class UploadGateway {
  readonly #uploads: Env["UPLOADS"];
  readonly #headers: Record<string, string>;
  readonly #workspaceId: number;

  constructor(uploads: Env["UPLOADS"], workspaceId: number) {
    this.#uploads = uploads;
    this.#workspaceId = workspaceId;
    this.#headers = { [WORKSPACE_HEADER]: String(workspaceId) };
  }

  /** Opens a new upload of at most `room` bytes, null being no limit but the service's; one that is open already
   * stays as it is. */
  open(uuid: Uuid, room: number | null = null): Promise<Outcome<UploadView>> {
    const body: OpenRequest = { uuid, room, plan: null, length: null };
    return this.#post(uuid, "/open", body);
  }

  /** Opens a new upload that becomes what `plan` says once it has all of `length` bytes. */
  begin(
    uuid: Uuid,
    room: number | null,
    plan: UploadPlan,
    length: number | null,
  ): Promise<Outcome<UploadView>> {
    const body: OpenRequest = { uuid, room, plan, length };
    return this.#post(uuid, "/open", body);
  }

  /** Appends as /files/ does. Not to be repeated blindly, but its offset tells what arrived. */
  put(
    uuid: Uuid,
    body: ReadableStream<Uint8Array> | null,
    terms: FilesTerms,
  ): Promise<Outcome<UploadFacts>> {
    const headers = appendHeaders(this.#workspaceId, terms);
    return call(
      this.#target(uuid),
      "/put",
      { method: "POST", headers, body },
      "upload_answer_lost",
    );
  }

  /** How far an upload of /files/ is, and what it became; ends an append of it that is under way. */
  head(uuid: Uuid): Promise<Outcome<UploadFacts>> {
    return call(this.#target(uuid), "/head", { headers: this.#headers });
  }

  /** Ends an open upload. */
  terminate(uuid: Uuid): Promise<Outcome<object>> {
    return this.#post(uuid, "/terminate", {});
  }

  /** Brings a complete part, or a file of `bundle`, to rest and says what it is. */
  rest(uuid: Uuid, bundle: string | null = null): Promise<Outcome<RestedPart>> {
    const body: RestRequest = { bundle };
    return this.#post(uuid, "/rest", body);
  }

  /** Opens a bundle of complete uploads and publishes it; with null, goes on with the one that is there. May be repeated. */
  bundle(uuid: Uuid, opening: Omit<JoinRequest, "uuid"> | null): Promise<Outcome<UploadFacts>> {
    const body: BundleCall = { join: opening && { uuid, ...opening } };
    return this.#post(uuid, "/bundle", body);
  }

  /** Opens an upload that is made of others, and waits a while for its end; may be repeated. */
  join(
    uuid: Uuid,
    room: number | null,
    plan: UploadPlan,
    parts: readonly JoinedPart[],
  ): Promise<Outcome<UploadFacts>> {
    const body: JoinRequest = { uuid, room, plan, parts };
    return this.#post(uuid, "/join", body);
  }

  /** Has a part give its objects away; may be repeated. */
  take(part: JoinedPart, taker: Uuid): Promise<Outcome<object>> {
    const body: TakeRequest = { ...part, taker };
    return this.#post(part.uuid, "/take", body);
  }

  /** Opens an upload that fetches its bytes itself and then becomes what the job says; may be repeated. */
  fetch(uuid: Uuid, room: number | null, job: FetchJob): Promise<Outcome<object>> {
    const body: FetchRequest = { uuid, room, job };
    return call(this.#target(uuid), "/fetch", {
      method: "POST",
      headers: this.#headers,
      body: JSON.stringify(body),
    });
  }

  /** Streams a body to the end of the upload. Not to be repeated blindly: its answer may be lost. */
  append(
    uuid: Uuid,
    body: ReadableStream<Uint8Array> | null,
    terms: AppendTerms,
  ): Promise<Outcome<UploadView>> {
    const headers = appendHeaders(this.#workspaceId, terms);
    const init = { method: "POST", headers, body };
    return call(this.#target(uuid), "/append", init, "upload_answer_lost");
  }

  /** Cuts the upload at `target`; with `from`, only when it still ends there. */
  truncate(uuid: Uuid, target: number, from: number | null = null): Promise<Outcome<UploadView>> {
    const query = from === null ? "" : `?from=${from}`;
    return call(this.#target(uuid), `/truncate/${target}${query}`, {
      method: "POST",
      headers: this.#headers,
    });
  }

  view(uuid: Uuid): Promise<Outcome<UploadView>> {
    return call(this.#target(uuid), "/view", { headers: this.#headers });
  }

  /** Makes the upload a version of an artifact; may be repeated. */
  seal(uuid: Uuid, intent: SealIntent, guard: SealGuard): Promise<Outcome<{ result: SealResult }>> {
    const body: SealRequest = { intent, guard };
    return call(this.#target(uuid), "/seal", {
      method: "POST",
      headers: this.#headers,
      body: JSON.stringify(body),
    });
  }

  /** Makes the members of the archive that was uploaded a version of an artifact, in the background, and gives
   * the artifact; may be repeated. */
  explode(
    uuid: Uuid,
    intent: ArtifactIntent,
    guard: SealGuard,
  ): Promise<Outcome<{ artifactUuid: Uuid }>> {
    const body: ExplodeRequest = { intent, guard };
    return call(this.#target(uuid), "/explode", {
      method: "POST",
      headers: this.#headers,
      body: JSON.stringify(body),
    });
  }

  #post<T extends object>(uuid: Uuid, path: string, body: object): Promise<Outcome<T>> {
    const init = { method: "POST", headers: this.#headers, body: JSON.stringify(body) };
    return call(this.#target(uuid), path, init);
  }

  #target(uuid: Uuid): Target {
    return { uploads: this.#uploads, uuid };
  }
}

/** Removes an upload that got no byte since `idleBefore`; the object itself decides. */
export async function expireUpload(
  uploads: Env["UPLOADS"],
  uuid: Uuid,
  idleBefore: number,
): Promise<ExpiryReply> {
  const body: ExpireRequest = { idleBefore };
  const outcome = await call<{ reply: ExpiryReply }>({ uploads, uuid }, "/expire", {
    method: "POST",
    body: JSON.stringify(body),
  });
  if (!outcome.ok) {
    throw new Error(`Cannot expire upload ${uuid}: ${outcome.code}`);
  }
  return outcome.reply;
}

/** What the upload's object holds, or null when it has none of it. Throws when it does not answer. */
export async function inspectUpload(
  uploads: Env["UPLOADS"],
  uuid: Uuid,
): Promise<Inspection | null> {
  const outcome = await call<{ found: Inspection | null }>({ uploads, uuid }, "/inspect", {});
  if (!outcome.ok) {
    throw new AppError(outcome.code, `upload ${uuid}`);
  }
  return outcome.found;
}

interface Target {
  uploads: Env["UPLOADS"];
  uuid: Uuid;
}

/** `lost` is the refusal when no answer came. */
async function call<T extends object>(
  { uploads, uuid }: Target,
  path: string,
  init: RequestInit,
  lost: ErrorCode = "storage_unavailable",
): Promise<Outcome<T>> {
  try {
    const response = await uploads.getByName(uuid).fetch(`https://upload${path}`, init);
    return await response.json<Outcome<T>>();
  } catch (error) {
    if (!isLost(error)) {
      throw error;
    }
    return { ok: false, code: lost };
  }
}
