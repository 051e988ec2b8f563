/** The headers of every answer that carries bytes of a user: nothing in them runs or is embedded. */
export function userContentHeaders(): Record<string, string> {
  return {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
  };
}
