import { HIDDEN } from "../protocol/hidden.ts";

const ALL_HIDDEN = new RegExp(HIDDEN, "gu");

/** JSON in which nothing hides: for terminals, which show it as it comes. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value).replace(ALL_HIDDEN, (character) =>
    character
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}
