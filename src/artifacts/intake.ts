// The Durable Object that small files of an artifact go through, one for each artifact and reader: files
// that come at the same time are stored together. It keeps nothing: what it knows ends with the
// requests that wait for it.

import { DurableObject } from "cloudflare:workers";

import { StorageError } from "../blobs/objects.ts";
import { forgetLeases, WORK } from "../budget/shares.ts";
import { accountOf } from "../catalog/accounts.ts";
import type { Wanted } from "../catalog/contents.ts";
import { openDatabase } from "../catalog/database.ts";
import { readerParameters } from "../catalog/reader.ts";
import { isAppError } from "../protocol/errors.ts";
import type { Outcome } from "../protocol/errors.ts";
import { callerOf } from "../protocol/identity.ts";
import { LIMITS } from "../protocol/limits.ts";
import { isLost } from "../uploads/lost-object.ts";
import { Groups } from "./groups.ts";
import { storePack } from "./pack.ts";
import type { Placed, SmallFile } from "./pack.ts";

/** Whose files an object takes. */
export interface IntakePlace extends Omit<Wanted, "paths"> {
  /** Who brings the file and pays for it. */
  actor: string;
}

/** What came of a file: `ok: false` when the storage or the object could not take it now. */
export type TakenIn = Outcome<Placed>;

interface Arrival {
  place: IntakePlace;
  file: SmallFile;
}

/** The class of the binding INTAKES. */
export class IntakeObjectBase extends DurableObject<Env> {
  readonly #owner = this.ctx.id.toString();
  readonly #groups = new Groups<Arrival, TakenIn>((arrivals) => this.#store(arrivals), {
    count: LIMITS.packFiles,
    total: LIMITS.packSize,
    size: ({ file }) => file.bytes.length,
    pause: LIMITS.packPause,
  });

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    forgetLeases(this.#owner);
  }

  /** Stores a file with those that come at the same time. All arrivals of an object name the same place. */
  async take(place: IntakePlace, file: SmallFile): Promise<TakenIn> {
    try {
      // It is there twice: as it came, and in its pack.
      return await WORK.run(2 * file.bytes.length, this.#owner, () =>
        this.#groups.add({ place, file }),
      );
    } catch (error) {
      if (isAppError(error)) {
        return { ok: false, code: error.code };
      }
      throw error;
    }
  }

  async #store(arrivals: Arrival[]): Promise<TakenIn[]> {
    const [first] = arrivals;
    if (first === undefined) {
      return [];
    }
    try {
      const files = arrivals.map(({ file }) => file);
      // A pack of files is one.
      accountOf(this.env.RATE_CALLERS, callerOf(first.place.actor)).charge();
      const stores = { ...this.env, DB: openDatabase(this.env.DB) };
      const placed = await storePack(stores, first.place, files);
      return placed.map((each) => ({ ok: true, ...each }));
    } catch (error) {
      if (error instanceof StorageError) {
        return arrivals.map(() => ({ ok: false, code: "storage_unavailable" }));
      }
      throw error;
    }
  }
}

/** Sends a file to the object of its place. May be repeated: a file that is there is not stored again. */
export async function takeIn(
  intakes: Env["INTAKES"],
  place: IntakePlace,
  file: SmallFile,
): Promise<TakenIn> {
  const name = JSON.stringify([place.artifactId, ...readerParameters(place.reader)]);
  try {
    return await intakes.getByName(name).take(place, file);
  } catch (error) {
    if (!isLost(error)) {
      throw error;
    }
    return { ok: false, code: "storage_unavailable" };
  }
}
