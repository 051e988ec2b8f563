/** A line of a checksum file as GNU `sha256sum -c` reads it. A name with a backslash or a line break is escaped, and a
 * backslash at the start of the line says so. */
export function checksumLine(hex: string, path: string): string {
  const escaped = path
    .replaceAll("\\", "\\\\")
    .replaceAll("\n", String.raw`\n`)
    .replaceAll("\r", String.raw`\r`);
  return `${escaped === path ? "" : "\\"}${hex}  ${escaped}\n`;
}
