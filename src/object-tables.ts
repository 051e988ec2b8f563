// The tables of a Durable Object, which nothing but the object itself can change: numbered steps, of which an object takes
// those that it lacks when it is first used. The number is in a row that the object has anyway, so it costs none.

/** Tables that come and go together. */
export interface ObjectTables {
  /** The one that has exactly one row as long as it is there; its column `format` is how many steps the tables had. */
  home: string;
  /** Step 1 makes the tables, each other one changes them. None is changed once it was released. */
  steps: readonly [string, ...string[]];
}

/** What the column `format` of new tables is. */
export function formatOf({ steps }: ObjectTables): number {
  return steps.length;
}

/** Makes tables that are not there, in the caller's transaction, which adds the row to their home. */
export function makeTables(sql: SqlStorage, { steps }: ObjectTables): void {
  steps.forEach((step) => sql.exec(step));
}

/**
 * Takes the steps that the tables of an object lack, all of them or none, and gives the homes that are there. Null: newer
 * code was here, whose tables this code must neither read nor change.
 */
export function upgradeTables(
  storage: DurableObjectStorage,
  kinds: readonly ObjectTables[],
): ReadonlySet<string> | null {
  const { sql } = storage;
  const tables = sql
    .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'")
    .toArray();
  const names = new Set(tables.map(({ name }) => name));
  const there = kinds.filter(({ home }) => names.has(home));
  const taken = there.map(
    ({ home }) => sql.exec<{ format: number }>(`SELECT format FROM ${home}`).one().format,
  );
  if (there.some((kind, index) => (taken[index] ?? 0) > formatOf(kind))) {
    return null;
  }
  const lacking = there.map(({ steps }, index) => steps.slice(taken[index]));
  if (lacking.some((steps) => steps.length > 0)) {
    storage.transactionSync(() => {
      lacking.flat().forEach((step) => sql.exec(step));
      there.forEach((kind) => sql.exec(`UPDATE ${kind.home} SET format = ?`, formatOf(kind)));
    });
  }
  return new Set(there.map(({ home }) => home));
}
