/** Characters that do not show, or that turn around how others show (UTS 39; CVE-2021-42574), as a class of a regular
 * expression with the flag u. */
export const HIDDEN = String.raw`[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u00ad\u200b\u2060\ufeff]`;

const ANY_HIDDEN = new RegExp(HIDDEN, "u");

/** Does a text show as what it is? Names that reach the log and the audit must: whoever reads those has no page
 * that spells it out. */
export function isPlain(text: string): boolean {
  return !ANY_HIDDEN.test(text);
}
