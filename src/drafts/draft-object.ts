// The Durable Object of one draft: a version whose files are not all there yet. It is named by the draft's uuid, and the only one
// that knows where bytes are that have come; docs/drafts.md has its rows, the orders of its writes and its crashes.

import { DurableObject } from "cloudflare:workers";

import { removeObjects, StorageError } from "../blobs/objects.ts";
import { forgetLeases, WORK } from "../budget/shares.ts";
import { accountOf } from "../catalog/accounts.ts";
import { openDatabase } from "../catalog/database.ts";
import { findDraftVersion } from "../catalog/publish/drafted.ts";
import { upgradeTables } from "../object-tables.ts";
import type { OrdinalRange } from "../protocol/entries.ts";
import { isAppError } from "../protocol/errors.ts";
import type { Outcome } from "../protocol/errors.ts";
import { callerOf } from "../protocol/identity.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { ExpiryReply } from "../protocol/uploads.ts";
import type { DeclaredPage } from "./declared.ts";
import { countMissing, findEntry, listEntries } from "./draft-entries.ts";
import type { DraftEntry } from "./draft-entries.ts";
import { DRAFT_TABLES, DraftRows } from "./draft-rows.ts";
import type { DeclarationPart, DraftHead } from "./draft-rows.ts";
import { Draft } from "./draft.ts";
import type { BroughtContent } from "./draft.ts";
import { Groups } from "./groups.ts";
import { listGarbage, listKeys, sealDraft } from "./seal.ts";
import { findFile, storePack } from "./store-pack.ts";
import type { Arrival, DraftFile, SmallFile, TakenIn } from "./store-pack.ts";

/** A small file, for whom it is, and who pays for it. */
export interface Delivery extends Omit<Arrival, "file"> {
  file: SmallFile;
  actor: string;
}

/** What an upload's bytes are to a draft: its own from now on, not needed, or it has ended. */
export type Brought = "taken" | "not needed" | "gone";

/** What a draft holds, for who compares it with the catalog and R2. */
export interface DraftInspection {
  phase: "open" | "sealing" | "ending";
  uuid: Uuid;
  progressAt: number;
  missing: number;
  /** The R2 objects of its packs have lower numbers, from 1. It deletes those that came to nothing when it ends. */
  nextPack: number;
}

/** What an object says whose tables are those of newer code; call-draft.ts knows it. */
export const NEWER = "The tables of this draft are those of newer code";

/** The class of the binding DRAFTS. */
export class DraftObjectBase extends DurableObject<Env> {
  readonly #owner = this.ctx.id.toString();
  readonly #rows = new DraftRows(this.ctx.storage);
  readonly #stores: Pick<Env, "DB" | "BUCKET">;
  readonly #groups = new Groups<Delivery, TakenIn>((arrivals) => this.#store(arrivals), {
    count: LIMITS.packFiles,
    total: LIMITS.packSize,
    size: ({ file }) => file.bytes.length,
    pause: LIMITS.packPause,
  });
  #draft: Draft | null;
  /** Newer code was here: its rows are neither read nor changed. */
  readonly #isNewer: boolean;
  #sealing: Promise<void> | null = null;
  #removing: Promise<void> | null = null;
  /** Files that are being taken. */
  #taking = 0;
  /** Alarms in a row that could not do what they are for. */
  #failures = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    forgetLeases(this.#owner);
    this.#stores = { DB: openDatabase(env.DB), BUCKET: env.BUCKET };
    this.#isNewer = upgradeTables(ctx.storage, [DRAFT_TABLES]) === null;
    this.#draft = this.#isNewer ? null : this.#read();
  }

  #read(): Draft | null {
    const state = this.#rows.read();
    return state === null ? null : new Draft(this.#rows, state);
  }

  /** What is there, if only to be removed. Throws where newer code was here. */
  get #any(): Draft | null {
    if (this.#isNewer) {
      throw new Error(NEWER);
    }
    return this.#draft;
  }

  /** What is asked for; null when the draft ends, has ended or never was. */
  get #open(): Draft | null {
    return this.#any?.isEnding === true ? null : this.#any;
  }

  /** Adds parts of a declaration; the draft is open once the last ones came, with its head. What was not finished, or is
   * of no version an hour later, ends by itself. */
  add(parts: DeclarationPart[], head: DraftHead | null): void {
    if (this.#isNewer) {
      throw new Error(NEWER);
    }
    this.#rows.add(parts, head, Date.now());
    this.#draft = this.#read();
  }

  /** Stores a small file with those that come at the same time. */
  async take(delivery: Delivery): Promise<Outcome<TakenIn>> {
    this.#taking += 1;
    try {
      // It is there twice: as it came, and in its pack.
      const taken = await WORK.run(2 * delivery.file.bytes.length, this.#owner, () =>
        this.#groups.add(delivery),
      );
      await this.#sealIfComplete();
      return { ok: true, ...taken };
    } catch (error) {
      if (isAppError(error)) {
        return { ok: false, code: error.code };
      }
      if (error instanceof StorageError) {
        return { ok: false, code: "storage_unavailable" };
      }
      throw error;
    } finally {
      this.#taking -= 1;
    }
  }

  async #store(deliveries: Delivery[]): Promise<TakenIn[]> {
    const draft = this.#open;
    const [first] = deliveries;
    if (draft === null || first === undefined) {
      return deliveries.map(() => ({ kind: "gone" }));
    }
    // A pack of files is one.
    accountOf(this.env.RATE_CALLERS, callerOf(first.actor)).charge();
    return storePack(this.#stores, draft, deliveries);
  }

  /** Takes the bytes of an upload, whose R2 objects are the draft's own from then on; a repeat is told the same. */
  async bring(upload: Uuid, content: BroughtContent): Promise<Brought> {
    const draft = this.#open;
    if (draft === null) {
      return "gone";
    }
    const isTaken = draft.has(upload) || draft.take(upload, [content], Date.now()) > 0;
    await this.#sealIfComplete();
    return isTaken ? "taken" : "not needed";
  }

  /** Did the draft take the bytes of this upload? */
  holds(upload: Uuid): boolean {
    return this.#open?.has(upload) ?? false;
  }

  /** Seals the version if no file is missing; waits for it, but not for ever: the alarm goes on. */
  async seal(): Promise<void> {
    await this.#sealIfComplete();
  }

  /** The file of a path; `gone` when the draft has ended. */
  look(path: string): DraftFile | "gone" | null {
    return this.#open === null ? "gone" : findFile(this.#open, path);
  }

  /** Files behind a number, all or those missing; null when the draft has ended. */
  list(which: "all" | "missing", after: number): DeclaredPage | null {
    const draft = this.#open;
    return (
      draft?.declared.page(
        after,
        (number) => which === "all" || draft.isMissing(number),
        LIMITS.describedBytes,
      ) ?? null
    );
  }

  async find(path: string): Promise<DraftEntry | "gone" | null> {
    return this.#open === null ? "gone" : findEntry(this.#open, path);
  }

  async entries(range: OrdinalRange): Promise<DraftEntry[] | "gone"> {
    return this.#open === null ? "gone" : listEntries(this.#open, range);
  }

  async countMissing(range: OrdinalRange): Promise<number | "gone"> {
    return this.#open === null ? "gone" : countMissing(this.#open, range);
  }

  /** Ends the draft when it is open and no file came since `idleBefore`, or goes on with its end. */
  async expire(idleBefore: number): Promise<ExpiryReply> {
    const draft = this.#any;
    if (draft === null) {
      return { kind: "unknown" };
    }
    const isIdle = this.#taking === 0 && draft.missing > 0 && draft.progressAt < idleBefore;
    if (!isIdle && !draft.isEnding) {
      return { kind: "kept", lastAppendAt: draft.missing === 0 ? Date.now() : draft.progressAt };
    }
    await this.drop();
    return { kind: "expired" };
  }

  /** Removes the draft with what is its own in R2: its version was deleted before it was sealed. */
  async drop(): Promise<void> {
    await this.#sealing?.catch(() => undefined);
    const draft = this.#any;
    if (draft === null) {
      return;
    }
    draft.beginEnd(Date.now());
    this.#removing ??= this.#remove(draft).finally(() => {
      this.#removing = null;
    });
    await this.#removing;
  }

  /** Nobody else knows the packs of a draft that was never sealing; those of one that was may have references by now, and so may
   * objects of uploads. A put whose answer was lost may come still, so that packs without a row are left to the sweep. */
  async #remove(draft: Draft): Promise<void> {
    const { DB: db, BUCKET: bucket } = this.#stores;
    if (draft.isEnding) {
      const { packs, uploads, unnamed } = draft.ownKeys();
      await removeObjects(bucket, packs);
      await listKeys(db, [...uploads, ...unnamed]);
    } else {
      await listGarbage(db, draft);
    }
    this.#draft = null;
    await this.#rows.clear();
  }

  /** What the draft holds, or null when it has ended or never was. */
  inspect(): DraftInspection | null {
    const draft = this.#any;
    if (draft === null) {
      return null;
    }
    const { uuid, progressAt, missing, nextPack } = draft;
    return { phase: draft.head.phase, uuid, progressAt, missing, nextPack };
  }

  /** Goes on with a seal, or ends what became of no version. What cannot be done now is tried again: an alarm that only failed
   * would be given up in the end. */
  override async alarm(): Promise<void> {
    if (this.#isNewer) {
      this.#rows.setAlarm(Date.now() + LIMITS.newerPause);
      return;
    }
    try {
      await this.#wake();
      this.#failures = 0;
    } catch (error) {
      console.error("Cannot do yet what the alarm is for", error);
      const pause = LIMITS.alarmRetry * 2 ** this.#failures;
      this.#rows.setAlarm(Date.now() + Math.min(pause, LIMITS.draftCheck));
      this.#failures += 1;
    }
  }

  async #wake(): Promise<void> {
    const draft = this.#any;
    if (draft === null) {
      await this.#rows.clear(); // a declaration that was not finished
    } else if (draft.head.phase === "sealing") {
      await this.#seal(draft);
    } else if (draft.isEnding) {
      await this.drop();
    } else if ((await findDraftVersion(this.#stores.DB, draft.uuid)) === null) {
      await this.drop();
    } else if (draft.missing === 0) {
      await this.#seal(draft);
    }
  }

  async #sealIfComplete(): Promise<void> {
    const draft = this.#open;
    if (draft !== null && draft.missing === 0) {
      const sealed = this.#seal(draft).catch((error: unknown) => {
        console.error("Cannot seal a draft yet", error);
      });
      await waitAtMost(sealed, LIMITS.sealWait);
    }
  }

  /** One at a time; whoever else asks waits for the same. */
  #seal(draft: Draft): Promise<void> {
    this.#sealing ??= this.#finish(draft).finally(() => {
      this.#sealing = null;
    });
    return this.#sealing;
  }

  async #finish(draft: Draft): Promise<void> {
    await sealDraft(this.#stores, draft, this.#owner);
    this.#draft = null;
    await this.#rows.clear();
  }
}

/** Waits for something that does not fail, but not for longer than so many milliseconds. */
async function waitAtMost(promise: Promise<void>, milliseconds: number): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const timer = setTimeout(timeout.resolve, milliseconds);
  await Promise.race([promise, timeout.promise]);
  clearTimeout(timer);
}
