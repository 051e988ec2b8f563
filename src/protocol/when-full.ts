// What goes on while the catalog is full. All else that may write is refused then, so that an operation that is added later
// is refused unless it is named here.

/** Operations that take the place of no new row for long, each parameter a star. */
const GOING_ON = new Set([
  // Logins.
  "POST /auth",
  "POST /login",
  "POST /logout",
  // What ends access.
  "POST /artifacts/*/unshare",
  "PATCH /auth/tokens/*",
  "PUT /auth/namespaces/*/keys/*",
  // What removes bytes, and versions.
  "POST /upload/*/truncate/*",
  "POST /artifacts/*/versions",
]);

/** Is an operation, or a route, refused to others than `system` while the catalog is full? Named by its method and its path, as in
 * the API document or as in a route. */
export function isRefusedWhenFull(operation: string): boolean {
  return (
    !/^(?:GET|HEAD|OPTIONS|DELETE) /u.test(operation) &&
    !GOING_ON.has(operation.replaceAll(/\{\w+\}|:\w+/gu, "*"))
  );
}

/** Is it administration, which `system` may go on with? */
export function isAdministration(operation: string): boolean {
  return /^\w+ \/(?:auth\/|fsck$)/u.test(operation);
}
