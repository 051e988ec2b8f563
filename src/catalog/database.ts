// The binding of D1 as the service calls it. D1 is one thread for everybody: each call is told to whoever pays for it.
// What D1 could not take just now, by its documented messages, is sent again where that may be; otherwise the client is
// told to come again. What each answer says of the size of the database is remembered.

import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { pauseAfter } from "../protocol/pause.ts";
import { forgetLookups } from "./lookups.ts";
import { isOutOfPages, noteSize } from "./size.ts";

/** Who pays for calls of D1. */
export interface Payer {
  /** Counts a call that is about to be made; throws where it may not be. */
  charge(): void;
}

/** For what the service does by itself. */
const NOBODY: Payer = { charge() {} };

/** D1's errors after which the same call may succeed (https://developers.cloudflare.com/d1/observability/debug-d1/). */
const PASSING = [
  "reset because its code was updated",
  "storage caused object to be reset",
  "Network connection lost",
  "due to transient issue on remote node",
  "request stream because client disconnected",
];

/** Its errors that another call at once would only make worse. */
const OVERLOADED = [
  "D1 DB is overloaded",
  "operation exceeded timeout which caused object to be reset",
  "isolate exceeded its memory limit",
  "exceeded its CPU time limit",
];

/** A database whose calls are tried again and paid for. */
export function openDatabase(db: D1Database, payer: Payer = NOBODY): D1Database {
  // The rest of a D1Database (exec, dump, sessions) has no callers.
  return new Database(db, payer, false) as unknown as D1Database;
}

/** The same database, for writes that may be sent again when nobody knows whether they were done: a second time changes
 * nothing more, and what it gives or throws then, the caller understands. */
export function repeatable(db: D1Database): D1Database {
  const opened: unknown = db;
  return opened instanceof Database ? (opened.repeatable() as unknown as D1Database) : db;
}

class Database implements Pick<D1Database, "prepare" | "batch"> {
  readonly #db: D1Database;
  readonly #payer: Payer;
  readonly #mayRepeat: boolean;

  constructor(db: D1Database, payer: Payer, mayRepeat: boolean) {
    this.#db = db;
    this.#payer = payer;
    this.#mayRepeat = mayRepeat;
  }

  repeatable(): Database {
    return new Database(this.#db, this.#payer, true);
  }

  prepare(sql: string): D1PreparedStatement {
    const statement = new Statement(this, this.#db.prepare(sql), isReadOnly(sql));
    return statement as unknown as D1PreparedStatement;
  }

  batch<T>(statements: D1PreparedStatement[]): Promise<D1Result<T>[]> {
    const ours = statements as unknown as Statement[];
    const isRead = ours.every((statement) => statement.isRead);
    const inner = ours.map((statement) => statement.inner);
    return this.run(() => this.#db.batch<T>(inner), isRead);
  }

  /** Makes a call, and where it fails decides what becomes of it. */
  async run<T extends D1Result | D1Result[]>(call: () => Promise<T>, isRead: boolean): Promise<T> {
    this.#payer.charge();
    try {
      const answer = await attempt(call, isRead || this.#mayRepeat);
      noteSize([answer].flat());
      return answer;
    } catch (error) {
      throw isOutOfPages(error) ? new AppError("catalog_full") : error;
    } finally {
      if (!isRead) {
        forgetLookups();
      }
    }
  }
}

function isReadOnly(sql: string): boolean {
  return /^\s*(?:SELECT|WITH)\b/u.test(sql) && !/\b(?:INSERT|UPDATE|DELETE)\b/u.test(sql);
}

async function attempt<T>(call: () => Promise<T>, mayRepeat: boolean): Promise<T> {
  for (let round = 1; ; round += 1) {
    try {
      return await call();
    } catch (error) {
      const text = String(error);
      const isPassing = PASSING.some((message) => text.includes(message));
      if (!isPassing && !OVERLOADED.some((message) => text.includes(message))) {
        throw error;
      }
      if (!isPassing || !mayRepeat || round === LIMITS.storageAttempts) {
        console.error(`The catalog did not answer at attempt ${round}`, error);
        throw new AppError("storage_unavailable");
      }
      await scheduler.wait(pauseAfter(round));
    }
  }
}

class Statement {
  readonly #database: Database;
  readonly inner: D1PreparedStatement;
  readonly isRead: boolean;

  constructor(database: Database, inner: D1PreparedStatement, isRead: boolean) {
    this.#database = database;
    this.inner = inner;
    this.isRead = isRead;
  }

  bind(...values: unknown[]): Statement {
    return new Statement(this.#database, this.inner.bind(...values), this.isRead);
  }

  all<T>(): Promise<D1Result<T>> {
    return this.#database.run(() => this.inner.all<T>(), this.isRead);
  }

  run<T>(): Promise<D1Result<T>> {
    return this.all<T>();
  }

  /** By all(), whose answer has more to it than the row. */
  async first<T>(column?: string): Promise<T | null> {
    const [row] = (await this.all<Record<string, unknown>>()).results;
    return ((column === undefined ? row : row?.[column]) ?? null) as T | null;
  }
}
