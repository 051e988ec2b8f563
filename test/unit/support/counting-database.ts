import { env } from "cloudflare:workers";

/** What D1 bills: the rows that statements read, whether they gave them or not. */
export class CountingDatabase {
  rowsRead = 0;

  prepare(sql: string): CountingStatement {
    return new CountingStatement(this, env.DB.prepare(sql));
  }

  async batch(statements: readonly CountingStatement[]): Promise<D1Result[]> {
    const results = await env.DB.batch(statements.map(({ inner }) => inner));
    this.rowsRead += results.reduce((sum, { meta }) => sum + meta.rows_read, 0);
    return results;
  }

  /** Runs `read` on this database and gives the rows that it read. */
  static async count(read: (db: D1Database) => Promise<unknown>): Promise<number> {
    const counting = new CountingDatabase();
    await read(counting as unknown as D1Database);
    return counting.rowsRead;
  }
}

class CountingStatement {
  readonly #database: CountingDatabase;
  readonly inner: D1PreparedStatement;

  constructor(database: CountingDatabase, inner: D1PreparedStatement) {
    this.#database = database;
    this.inner = inner;
  }

  bind(...values: unknown[]): CountingStatement {
    return new CountingStatement(this.#database, this.inner.bind(...values));
  }

  async all(): Promise<D1Result> {
    const result = await this.inner.all();
    this.#database.rowsRead += result.meta.rows_read;
    return result;
  }

  async first(): Promise<unknown> {
    return (await this.all()).results[0] ?? null;
  }
}
