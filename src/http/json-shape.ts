// The shape of a JSON text, before it becomes values: brackets are cheap to send, while each value takes memory, and
// what walks deep ones (SQLite, JSON.stringify) gives up at depths of its own.

/** Bounds of a JSON text. */
export interface JsonBounds {
  /** Arrays and objects within each other. */
  depth: number;
  /** Members of all of them, and they themselves. */
  values: number;
}

const BACKSLASH = 0x5c;

/** Does a text keep to the bounds, as far as it is JSON? Linear in its length, without memory of its own. */
export function isWithinBounds(text: string, bounds: JsonBounds): boolean {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at);
        break;
      case 0x2c: // ,
        values += 1;
        break;
      case 0x5b: // [
      case 0x7b: // {
        values += 1;
        depth += 1;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
        break;
      default:
        continue;
    }
    if (depth > bounds.depth || values > bounds.values) {
      return false;
    }
  }
  return true;
}

/** The place of the quote that ends the string that begins at `start`, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) {
      slashes += 1;
    }
    if (slashes % 2 === 0) {
      return end;
    }
  }
  return text.length;
}
