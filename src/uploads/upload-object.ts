// The Durable Object of one upload: the only writer of its bytes. Requests interleave at every await, so its
// operations take turns in the order of their arrival; each one decides by the pure functions of state.ts,
// moves bytes, then commits in the ledger. Answers are outcomes: an error's class does not survive the way.

import { DurableObject } from "cloudflare:workers";
import { json, Router } from "itty-router";
import type { IRequest } from "itty-router";

import { contestedFloor, forgetLeases } from "../budget/shares.ts";
import type { Outcome } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { ExpiryReply, UploadView } from "../protocol/uploads.ts";
import { append } from "./append.ts";
import { complete } from "./complete.ts";
import { completeExtent, confirmOpenExtent } from "./context.ts";
import type { CatalogDesk, UploadContext } from "./context.ts";
import { expire, finishExpiry, removeLeftovers } from "./expire.ts";
import { continueExplode, explode } from "./explode.ts";
import { continueFetch } from "./fetch.ts";
import { FilesDoor, workspaceOf } from "./files-door.ts";
import { giveUpHopeless } from "./give-up.ts";
import { readAppendTerms, refuseStranger } from "./internal.ts";
import type {
  ExpireRequest,
  ExplodeRequest,
  FetchRequest,
  Inspection,
  OpenRequest,
  SealRequest,
} from "./internal.ts";
import { continueJoin } from "./join.ts";
import { Ledger } from "./ledger.ts";
import { finishSeal, seal } from "./seal.ts";
import { isAllThere, newFetch, offsetOf, openExtent } from "./state.ts";
import { cutFirst, truncate, truncateFrom } from "./truncate.ts";

/** The class of the binding UPLOADS, but for the catalog, which worker.ts gives it. */
export abstract class UploadObjectBase extends DurableObject<Env> {
  readonly #context: UploadContext;
  readonly #router = Router({ finally: [json] });
  #lastTurn: Promise<unknown> = Promise.resolve();
  /** Operations that wait or run. */
  #turns = 0;
  readonly #files: FilesDoor;

  constructor(ctx: DurableObjectState, env: Env, desk: CatalogDesk) {
    super(ctx, env);
    const owner = ctx.id.toString();
    forgetLeases(owner);
    const ledger = new Ledger(ctx.storage);
    this.#context = {
      ledger,
      bucket: env.BUCKET,
      uploads: env.UPLOADS,
      desk,
      openExtentConfirmed: false,
      owner,
      interrupt: null,
      contestedFloor: () => Math.max(this.#turns > 1 ? LIMITS.bodyProgress : 0, contestedFloor()),
    };
    this.#router
      .post("/open", (request: IRequest) => this.#inTurn(() => this.#open(request)))
      .post("/fetch", async (request: IRequest) => this.#fetch(request))
      .post("/append", (request: IRequest) => this.#orRefuse(request, () => this.#append(request)))
      .post("/truncate/:target", (request: IRequest) =>
        this.#orRefuse(request, () => this.#truncate(request)),
      )
      .get("/view", (request: IRequest) => this.#view(request))
      .post("/seal", (request: IRequest) => this.#orRefuse(request, () => this.#seal(request)))
      .post("/explode", (request: IRequest) => this.#explode(request))
      .post("/expire", (request: IRequest) => this.#expire(request))
      .get("/inspect", () => ({ ok: true, found: inspect(this.#context.ledger) }));
    this.#files = new FilesDoor(this.#context, {
      inTurn: (operation) => this.#inTurn(operation),
      isExploding: () => this.#isExploding(),
      tidyLater: () => {
        this.ctx.waitUntil(this.#inTurn(() => this.#tidy()));
      },
    });
    this.#files.addTo(this.#router);
  }

  override async fetch(request: Request): Promise<Response> {
    const { isNewer, state } = this.#context.ledger;
    const code = isNewer ? "object_newer" : refuseStranger(request.headers, state);
    if (code !== null) {
      await request.body?.cancel();
      return json({ ok: false, code } satisfies Outcome<object>);
    }
    return this.#router.fetch(request);
  }

  /** Fetches, explodes, finishes a seal or an expiry, completes a multipart upload before R2 drops it, or forgets a sealed
   * upload. What cannot be done now is tried again: an alarm that only failed would be given up in the end. */
  override async alarm(): Promise<void> {
    if (this.#context.ledger.isNewer) {
      await this.ctx.storage.setAlarm(Date.now() + LIMITS.newerPause); // one that only failed would be given up, too
      return;
    }
    await this.#inTurn(async () => {
      let hasMore = false;
      await this.#attempt(async () => {
        hasMore = await this.#wake();
      });
      await this.#attempt(() => giveUpHopeless(this.#context));
      this.#context.ledger.setAlarm(hasMore ? Date.now() : undefined);
    });
  }

  async #attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#context.openExtentConfirmed = false;
      console.error("Cannot do yet what the alarm is for", error);
    }
  }

  /** Says whether there is more to do at once. */
  async #wake(): Promise<boolean> {
    const { state } = this.#context.ledger;
    let hasMore = false;
    switch (state?.phase) {
      case "sealing":
        if ("explode" in state.intent) {
          hasMore = await continueExplode(this.#context);
        } else {
          await finishSeal(this.#context);
        }
        break;
      case "open":
        hasMore = await this.#goOn();
        break;
      case "sealed":
      case "expired":
        await finishExpiry(this.#context);
        return false;
      case undefined:
        return false;
    }
    await this.#tidy();
    return hasMore;
  }

  async #goOn(): Promise<boolean> {
    const { state } = this.#context.ledger;
    if (state === null) {
      return false;
    }
    if (state.joining !== null) {
      return continueJoin(this.#context, Date.now() + LIMITS.explodeSlice);
    }
    if (state.fetch !== null) {
      await continueFetch(this.#context);
    } else if (isAllThere(state)) {
      await complete(this.#context, false);
    } else {
      await this.#closeOldExtent();
    }
    return false;
  }

  /** Runs an operation when all before it have ended, however they did. */
  #inTurn<T>(operation: () => Promise<T>): Promise<T> {
    this.#turns += 1;
    const turn = this.#lastTurn.then(operation).finally(() => {
      this.#turns -= 1;
    });
    this.#lastTurn = turn.catch(() => {});
    return turn;
  }

  async #open(request: IRequest): Promise<Outcome<UploadView>> {
    const { uuid, ...origin } = await request.json<OpenRequest>();
    const { ledger } = this.#context;
    if (ledger.state?.phase === "expired") {
      return { ok: false, code: "storage_unavailable" };
    }
    if (ledger.state === null) {
      ledger.open(uuid, workspaceOf(request), Date.now(), origin);
    }
    return this.#view(request);
  }

  /** A repeat finds the upload open, or what became of it: nothing is fetched twice. */
  async #fetch(request: IRequest): Promise<Outcome<object>> {
    const { uuid, room, job } = await request.json<FetchRequest>();
    const { ledger } = this.#context;
    if (ledger.state === null) {
      const now = Date.now();
      ledger.open(uuid, workspaceOf(request), now, { room, fetch: newFetch(job, now) });
    }
    return { ok: true };
  }

  async #append(request: IRequest): Promise<Outcome<UploadView>> {
    if (!this.#isKnownTo(request)) {
      await request.body?.cancel();
      return { ok: false, code: "upload_not_found" };
    }
    const terms = readAppendTerms(request.headers);
    const cut = await cutFirst(this.#context, terms);
    if (!cut.ok) {
      await request.body?.cancel();
      return cut;
    }
    const appended = await append(this.#context, request.body, terms);
    // After the answer, which must not be lost over it: an append cannot be repeated blindly.
    this.ctx.waitUntil(this.#inTurn(() => this.#tidy()));
    return appended.ok ? this.#view(request) : appended;
  }

  async #truncate(request: IRequest): Promise<Outcome<UploadView>> {
    if (!this.#isKnownTo(request)) {
      return { ok: false, code: "upload_not_found" };
    }
    const from = request.query["from"];
    const target = Number(request.params["target"]);
    const truncated = await (from === undefined
      ? truncate(this.#context, target, false)
      : truncateFrom(this.#context, Number(from), target));
    await this.#tidy();
    return truncated.ok ? this.#view(request) : truncated;
  }

  #view(request: IRequest): Outcome<UploadView> {
    const { state } = this.#context.ledger;
    const isGone = state === null || state.phase === "sealed" || state.phase === "expired";
    if (isGone || !this.#isKnownTo(request)) {
      return { ok: false, code: "upload_not_found" };
    }
    const { createdAt, lastAppendAt } = state;
    return { ok: true, size: offsetOf(state), createdAt, lastAppendAt };
  }

  async #seal(request: IRequest): Promise<Awaited<ReturnType<typeof seal>>> {
    if (!this.#isKnownTo(request)) {
      return { ok: false, code: "upload_not_found" };
    }
    const { intent, guard } = await request.json<SealRequest>();
    const sealed = await seal(this.#context, intent, guard);
    await this.#tidy();
    return sealed;
  }

  async #explode(request: IRequest): Promise<Outcome<{ artifactUuid: Uuid }>> {
    if (!this.#isKnownTo(request)) {
      return { ok: false, code: "upload_not_found" };
    }
    const { intent, guard } = await request.json<ExplodeRequest>();
    const run = () => explode(this.#context, intent, guard);
    return this.#isExploding() ? run() : this.#inTurn(run);
  }

  /** Is an explosion under way? Its turns may be long, so others are told at once. */
  #isExploding(): boolean {
    const { state, explosion } = this.#context.ledger;
    return state?.phase === "sealing" && "explode" in state.intent && explosion.read() !== null;
  }

  /** Runs an operation in its turn, unless an explosion is under way. */
  async #orRefuse<T>(request: IRequest, operation: () => Promise<T>): Promise<T | Outcome<object>> {
    if (this.#isExploding() && this.#isKnownTo(request)) {
      await request.body?.cancel();
      return { ok: false, code: "upload_sealing" };
    }
    this.#files.supersede();
    return this.#inTurn(operation);
  }

  async #expire(request: IRequest): Promise<Outcome<{ reply: ExpiryReply }>> {
    const { idleBefore } = await request.json<ExpireRequest>();
    if (this.#turns > 0) {
      // Something is under way, so it is not idle; a slow append must not hold up the sweep.
      return { ok: true, reply: { kind: "kept", lastAppendAt: Date.now() } };
    }
    return this.#inTurn(async () => {
      const isKnown = this.#context.ledger.state !== null;
      const reply: ExpiryReply = isKnown
        ? await expire(this.#context, idleBefore)
        : { kind: "unknown" };
      return { ok: true, reply };
    });
  }

  #isKnownTo(request: IRequest): boolean {
    return this.#context.ledger.state?.workspaceId === workspaceOf(request);
  }

  async #closeOldExtent(): Promise<void> {
    const extent = await confirmOpenExtent(this.#context);
    if (extent !== null && extent.length > 0) {
      await completeExtent(this.#context, extent);
    }
    this.#context.ledger.dropEmptyExtents({ openToo: true });
  }

  /** What follows every operation: the report to the catalog, and R2 data to remove. None of it changes
   * the answer; what fails is done after the next operation, at the expiry or when the object forgets. */
  async #tidy(): Promise<void> {
    const { ledger, desk } = this.#context;
    const { state } = ledger;
    if (state === null) {
      return;
    }
    try {
      if (state.phase === "open" && state.lastAppendAt - state.reportedAt > LIMITS.activityReport) {
        await desk.reportAppend(state.uuid, state.lastAppendAt);
        ledger.reported(state.lastAppendAt);
      }
      await removeLeftovers(this.#context);
    } catch (error) {
      console.error("Cannot tidy up after an operation", error);
    }
  }
}

/** Not in a turn: the rows agree with each other at any moment. */
function inspect(ledger: Ledger): Inspection | null {
  const { state } = ledger;
  if (state === null) {
    return null;
  }
  const { phase, workspaceId, createdAt, lastAppendAt, extents, standing } = state;
  const own = extents.filter(({ multipart }) => multipart === null);
  return {
    phase,
    workspaceId,
    createdAt,
    lastAppendAt,
    size: offsetOf(state),
    // Keys name the upload that wrote them, so it answers for those that another has now.
    objects: [...own, ...(standing.taker?.objects ?? [])],
    openKey: openExtent(state)?.key ?? null,
    leftovers: ledger.leftovers.list().map(({ key }) => key),
  };
}
