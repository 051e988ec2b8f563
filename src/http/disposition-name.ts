// The name that a Content-Disposition gives a file (RFC 6266 §4.3); `filename*` (RFC 8187) wins over `filename`.

/** The last segment of the name, whatever folders came along; null when there is none. */
export function dispositionName(header: string | null): string | null {
  const text = header ?? "";
  const name = extended(text) ?? plain(text);
  return name?.split(/[/\\]/u).at(-1) ?? null;
}

function extended(text: string): string | null {
  const [, encoded] = /;\s*filename\*\s*=\s*utf-8'[^']*'([^\s;]+)/iu.exec(text) ?? [];
  try {
    return encoded === undefined ? null : decodeURIComponent(encoded);
  } catch {
    return null;
  }
}

function plain(text: string): string | null {
  const [, quoted, token] =
    /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/iu.exec(text) ?? [];
  return quoted?.replaceAll(/\\(.)/gu, "$1") ?? token ?? null;
}
