// A D1 whose SQLite is in this process, so that a test may set what D1 lets nobody set: the most pages that it may have.

import { DatabaseSync } from "node:sqlite";

class Statement {
  readonly sql: string;
  readonly values: readonly unknown[];
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase, sql: string, values: readonly unknown[]) {
    this.#database = database;
    this.sql = sql;
    this.values = values;
  }

  bind(...values: unknown[]): Statement {
    return new Statement(this.#database, this.sql, values);
  }

  async all(): Promise<unknown> {
    const [result] = await this.#database.batch([this]);
    return result;
  }
}

/** As D1 it makes a transaction of each batch, and says of each answer how large it is. */
export class SqliteDatabase {
  readonly sqlite = new DatabaseSync(":memory:");

  prepare(sql: string): Statement {
    return new Statement(this, sql, []);
  }

  batch(statements: readonly Statement[]): Promise<unknown[]> {
    this.sqlite.exec("BEGIN");
    try {
      const answers = statements.map(({ sql, values }) => {
        const results = this.sqlite.prepare(sql).all(...values);
        const changes = this.read("SELECT changes()");
        const pages = this.read("PRAGMA page_count") - this.read("PRAGMA freelist_count");
        return { results, meta: { changes, size_after: pages * this.read("PRAGMA page_size") } };
      });
      this.sqlite.exec("COMMIT");
      return Promise.resolve(answers);
    } catch (error) {
      if (this.sqlite.isTransaction) {
        this.sqlite.exec("ROLLBACK");
      }
      return Promise.reject(new Error(`D1_ERROR: ${(error as Error).message}: SQLITE_FULL`));
    }
  }

  /** The number that a statement gives. */
  read(sql: string): number {
    return Number(Object.values(this.sqlite.prepare(sql).get() ?? {})[0]);
  }

  /** Lets it have no more pages than it has. */
  forbidGrowth(): void {
    this.sqlite.exec(`PRAGMA max_page_count = ${this.read("PRAGMA page_count")}`);
  }
}
