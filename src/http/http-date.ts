// HTTP-date (RFC 9110 §5.6.7). Date.parse() alone takes far more than the three forms of the
// protocol and turns 31 February into March, so each form is recognised first and the date must
// print as it was read. The weekday is not compared.

const FORMS = [
  /^[A-Z][a-z]{2}, (?<day>\d\d) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<clock>[\d:]{8}) GMT$/,
  /^[A-Z][a-z]{5,8}, (?<day>\d\d)-(?<month>[A-Z][a-z]{2})-(?<year>\d\d) (?<clock>[\d:]{8}) GMT$/,
  /^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<clock>[\d:]{8}) (?<year>\d{4})$/,
];
const AFTER_WEEKDAY = "Sun, ".length;

/** Reads a date as milliseconds; null when the text is none of the three forms of HTTP-date. */
export function parseHttpDate(text: string): number | null {
  for (const form of FORMS) {
    const groups = form.exec(text)?.groups;
    if (groups !== undefined) {
      return parseFields(groups);
    }
  }
  return null;
}

/** Writes milliseconds as an HTTP-date, which drops the part of a second. */
export function formatHttpDate(time: number): string {
  return new Date(time).toUTCString();
}

function parseFields(groups: Record<string, string>): number | null {
  const { day = "", month, year = "", clock } = groups;
  const date = `${day.replace(" ", "0")} ${month} ${toFullYear(year)} ${clock} GMT`;
  const time = Date.parse(date);
  return formatHttpDate(time).slice(AFTER_WEEKDAY) === date ? time : null;
}

/** Two digits are a year since 1970: nothing that is served here is older. */
function toFullYear(year: string): string {
  if (year.length === 4) {
    return year;
  }
  return Number(year) < 70 ? `20${year}` : `19${year}`;
}
