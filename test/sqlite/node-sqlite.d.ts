// Node's SQLite, as far as sqlite-database.ts uses it: what these tests call has the types of the Worker's runtime.
declare module "node:sqlite" {
  interface StatementSync {
    all(...values: unknown[]): Record<string, unknown>[];
    get(...values: unknown[]): Record<string, unknown> | undefined;
    run(...values: unknown[]): unknown;
  }
  export class DatabaseSync {
    readonly isTransaction: boolean;
    constructor(path: string);
    exec(sql: string): void;
    prepare(sql: string): StatementSync;
  }
}
