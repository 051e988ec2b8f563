// What an upload object does for /files/. Of whoever comes later the older append is ended, and what it brought is kept: a
// client that comes back need not wait for its own dead connection.

import type { IRequest, RouterType } from "itty-router";

import type { Outcome } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { FilesTerms, UploadFacts } from "../protocol/uploads.ts";
import { appendUnderFiles } from "./append-kept.ts";
import { complete, factsOf } from "./complete.ts";
import type { UploadContext } from "./context.ts";
import { finishExpiry } from "./expire.ts";
import { readAppendTerms, WORKSPACE_HEADER } from "./internal.ts";
import type { BundleCall, JoinRequest, RestRequest, TakeRequest } from "./internal.ts";
import { continueJoin, finishBundle, givePart, restPart } from "./join.ts";

/** The object around it. */
interface Around {
  /** Runs an operation when all before it have ended. */
  inTurn: <T>(operation: () => Promise<T>) => Promise<T>;
  /** Is an explosion under way? Its turns may be long. */
  isExploding: () => boolean;
  /** Reports and removes leftovers after the answer. */
  tidyLater: () => void;
}

export class FilesDoor {
  readonly #context: UploadContext;
  readonly #around: Around;
  /** Requests that end an older append. */
  #newcomers = 0;

  constructor(context: UploadContext, around: Around) {
    this.#context = context;
    this.#around = around;
  }

  addTo(router: RouterType<IRequest, [], unknown>): void {
    const { inTurn } = this.#around;
    router
      .post("/put", (request: IRequest) => this.#put(request))
      .get("/head", (request: IRequest) => this.#head(request))
      .post("/terminate", (request: IRequest) => this.#terminate(request))
      .post("/rest", (request: IRequest) => inTurn(() => this.#rest(request)))
      .post("/join", (request: IRequest) => inTurn(() => this.#join(request)))
      .post("/bundle", (request: IRequest) => inTurn(() => this.#bundle(request)))
      .post("/take", (request: IRequest) => inTurn(() => this.#take(request)));
  }

  /** Ends the append that runs or waits; says which newcomer this is. */
  supersede(): number {
    this.#newcomers += 1;
    this.#context.interrupt?.();
    return this.#newcomers;
  }

  async #put(request: IRequest): Promise<Outcome<UploadFacts>> {
    const newcomer = this.supersede();
    const put = async (): Promise<Outcome<UploadFacts>> => {
      const refusal = this.#refuse(request);
      if (refusal !== null || newcomer < this.#newcomers) {
        await request.body?.cancel();
        return refusal ?? { ok: false, code: "upload_superseded" };
      }
      const terms = readAppendTerms(request.headers) as FilesTerms; // as put() of the gateway sent them
      const appended = await appendUnderFiles(this.#context, request.body, terms);
      this.#around.tidyLater();
      return this.#facts(appended);
    };
    return this.#around.isExploding() ? put() : this.#around.inTurn(put);
  }

  /** Not in a turn while the upload is joined or exploded, which takes long ones. */
  async #head(request: IRequest): Promise<Outcome<UploadFacts>> {
    if (this.#around.isExploding() || (this.#context.ledger.state?.joining ?? null) !== null) {
      return this.#refuse(request) ?? this.#facts({ ok: true });
    }
    this.supersede();
    return this.#around.inTurn(async () => {
      return this.#refuse(request) ?? this.#facts(await complete(this.#context, false));
    });
  }

  async #terminate(request: IRequest): Promise<Outcome<object>> {
    if (this.#around.isExploding()) {
      return this.#refuse(request) ?? { ok: false, code: "upload_sealing" };
    }
    this.supersede();
    return this.#around.inTurn(async () => this.#refuse(request) ?? this.#end());
  }

  async #end(): Promise<Outcome<object>> {
    const { ledger } = this.#context;
    const { state } = ledger;
    if (state?.phase === "sealed") {
      return { ok: false, code: "upload_complete" };
    }
    if (state?.phase !== "open" || state.joining?.isTaking === true) {
      return { ok: false, code: "upload_sealing" };
    }
    ledger.expire();
    await finishExpiry(this.#context);
    return { ok: true };
  }

  async #rest(request: IRequest): Promise<Awaited<ReturnType<typeof restPart>>> {
    const { bundle }: RestRequest = await request.json();
    return this.#isKnownTo(request)
      ? restPart(this.#context, bundle)
      : { ok: false, code: "upload_not_found" };
  }

  /** What breaks off here the repeat goes on with, or the alarm. */
  async #bundle(request: IRequest): Promise<Outcome<UploadFacts>> {
    const { join }: BundleCall = await request.json();
    if (this.#context.ledger.state === null && join !== null) {
      this.#open(request, join, true);
    }
    const { state } = this.#context.ledger;
    const isThere = state?.plan?.files !== undefined && state.phase !== "expired";
    if (!isThere || !this.#isKnownTo(request)) {
      return { ok: false, code: "upload_not_found" };
    }
    try {
      return this.#facts(await finishBundle(this.#context));
    } catch (error) {
      console.error("Cannot publish a bundle yet", error);
      return { ok: false, code: "upload_sealing" };
    }
  }

  /** Whoever waits for its end no longer waits for this turn: the alarm goes on. */
  async #join(request: IRequest): Promise<Outcome<UploadFacts>> {
    const join: JoinRequest = await request.json();
    const { ledger } = this.#context;
    if (ledger.state === null) {
      this.#open(request, join, false);
    }
    try {
      await continueJoin(this.#context, Date.now() + LIMITS.joinPatience);
    } catch (error) {
      console.error("Cannot join uploads yet", error);
    }
    ledger.setAlarm();
    return this.#refuse(request) ?? this.#facts({ ok: true });
  }

  /** `isTaking`: the parts need not be read. */
  #open(request: IRequest, { uuid, room, plan, parts }: JoinRequest, isTaking: boolean): void {
    const { ledger } = this.#context;
    const extents = parts.flatMap((part) => part.extents);
    const length = extents.reduce((sum, extent) => sum + extent.length, 0);
    const joining = { parts, position: 0, isTaking };
    ledger.open(uuid, workspaceOf(request), Date.now(), { room, plan, length, joining });
    ledger.setAlarm();
  }

  async #take(request: IRequest): Promise<Outcome<object>> {
    const { taker, extents }: TakeRequest = await request.json();
    return this.#isKnownTo(request)
      ? givePart(this.#context, taker, { extents })
      : { ok: false, code: "upload_part_gone" };
  }

  #facts(outcome: Outcome<object>): Outcome<UploadFacts> {
    return outcome.ok ? { ok: true, ...factsOf(this.#context) } : outcome;
  }

  /** Of whom nothing is told under /files/: strangers, and uploads that are none there. */
  #refuse(request: IRequest): (Outcome<object> & { ok: false }) | null {
    const { state } = this.#context.ledger;
    const isGone =
      state === null ||
      state.phase === "expired" ||
      state.standing.isWithdrawn ||
      state.plan?.files !== undefined;
    return isGone || !this.#isKnownTo(request) || state.fetch !== null
      ? { ok: false, code: "upload_not_found" }
      : null;
  }

  #isKnownTo(request: IRequest): boolean {
    return this.#context.ledger.state?.workspaceId === workspaceOf(request);
  }
}

/** As the gateway sent it. */
export function workspaceOf(request: IRequest): number {
  return Number(request.headers.get(WORKSPACE_HEADER));
}
