// SQL text cut into its statements: the only place that knows where one ends. The rule is that of SQLite's
// sqlite3_complete(): at a semicolon, or in a trigger at the one behind an END that follows a semicolon. A CASE in a
// trigger's body is no END of it, and what stands in quotes or comments is nothing at all.

/** Comments; what is quoted in one of four ways; words; white space; any other character. */
const TOKENS =
  /--[^\n]*|\/\*[^]*?(?:\*\/|$)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[\w$\u0080-\uffff]+|\s+|[^]/g;
const COMMENT = /^(?:--|\/\*)/;
const TRIGGER = /^CREATE (?:TEMP |TEMPORARY )?TRIGGER$/i;

/**
 * The statements of a text, without their comments and the semicolons that end them.
 * @param {string} sql
 * @returns {string[]}
 */
export function statementsOf(sql) {
  const statements = [];
  let text = "";
  /** @type {string[]} the first words of the statement, as many as tell a trigger */
  let opening = [];
  /** @type {string[]} the last two tokens */
  let last = [];
  for (const [token] of sql.matchAll(TOKENS)) {
    if (COMMENT.test(token) || /^\s/.test(token)) {
      text += COMMENT.test(token) ? " " : token;
      continue;
    }
    if (/^['"`[]$/.test(token)) {
      throw new Error(`Cannot split SQL: a ${token} is not closed behind "${text.slice(-60)}"`);
    }
    const isInBody = isTrigger(opening) && !(last[0] === ";" && /^END$/i.test(last[1] ?? ""));
    if (token === ";" && !isInBody) {
      statements.push(tidy(text));
      [text, opening, last] = ["", [], []];
      continue;
    }
    text += token;
    opening = opening.length < 3 ? [...opening, token] : opening;
    last = [last.at(-1) ?? "", token];
  }
  if (isTrigger(opening)) {
    throw new Error(`Cannot split SQL: a trigger has no end: ${tidy(text).slice(0, 60)}`);
  }
  return [...statements, tidy(text)].filter((statement) => statement !== "");
}

/** @param {readonly string[]} opening */
function isTrigger(opening) {
  return TRIGGER.test(opening.slice(0, 2).join(" ")) || TRIGGER.test(opening.join(" "));
}

/**
 * Without the blanks that comments leave behind at the ends of lines.
 * @param {string} text
 */
function tidy(text) {
  return text.replaceAll(/[ \t]+$/gm, "").trim();
}
