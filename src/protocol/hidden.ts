/** Characters that do not show, or that turn around how others show (UTS 39; CVE-2021-42574), as part of a regular
 * expression with the flag u. Joiners and variation selectors belong to what is written in many scripts. */
export const HIDDEN = String.raw`(?![\u200c\u200d\p{Variation_Selector}])[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]`;

const ANY_HIDDEN = new RegExp(HIDDEN, "u");

/** Does a text show as what it is? Names that reach the log and the audit must: whoever reads those has no page
 * that spells it out. */
export function isPlain(text: string): boolean {
  return !ANY_HIDDEN.test(text);
}
