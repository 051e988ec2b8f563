// schema.sql as text: what a database that it made holds, to be compared with one that is there.

/** @typedef {{ name: string, sql: string }} Part A table, index or trigger, and the statement that made it. */

/** What both forms of a statement begin with: SQLite keeps the second one. */
const CREATE = /^CREATE (?<what>TABLE|UNIQUE INDEX|INDEX|TRIGGER) (?:IF NOT EXISTS )?(?<name>\w+)/;

/**
 * The first table, index or trigger that one has and the other has not, or has otherwise; null where both are the same.
 * @param {string} schema
 * @param {readonly Part[]} parts
 */
export function findDifference(schema, parts) {
  const wanted = new Map(partsOf(schema).map(({ name, sql }) => [name, plain(sql)]));
  const found = new Map(parts.map(({ name, sql }) => [name, plain(sql)]));
  const names = [...wanted.keys(), ...found.keys()];
  return names.find((name) => wanted.get(name) !== found.get(name)) ?? null;
}

/**
 * The statements of a trigger end in semicolons, too: what follows them is indented, or the END.
 * @param {string} schema
 * @returns {Part[]}
 */
function partsOf(schema) {
  return withoutComments(schema)
    .split(/;(?=[ \t]*\n(?:[ \t]*\n)*(?!END\b|\s)|\s*$)/)
    .flatMap((statement) => {
      const sql = statement.trim();
      const name = CREATE.exec(sql)?.groups?.name;
      return name === undefined ? [] : [{ name, sql }];
    });
}

/**
 * A statement without what changes nothing.
 * @param {string} sql
 */
function plain(sql) {
  return withoutComments(sql)
    .replaceAll(/\s+/g, " ")
    .trim()
    .replace(CREATE, (_, what, name) => `CREATE ${what} ${name}`);
}

/** @param {string} sql */
function withoutComments(sql) {
  return sql.replaceAll(/--.*$/gm, "");
}
