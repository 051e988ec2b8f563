// Headers of requests under /files/, for tests that send every operation of the API document.

/** What a request under /files/ of the API document's operations says, so that nothing but the caller or the body is
 * wrong; nothing for other paths. */
export function filesHeaders(method: string, path: string): Record<string, string> {
  if (!path.startsWith("/files")) {
    return {};
  }
  const isOverride = method === "POST" && !/^\/files\/?$/u.test(path);
  return {
    "Tus-Resumable": "1.0.0",
    "Content-Type": "application/offset+octet-stream",
    "Upload-Offset": "0",
    "Upload-Length": "1000",
    "Upload-Metadata": `filename ${btoa("file")},workspace ${btoa("owner")}`,
    "Stowage-Workspace": "owner",
    ...(isOverride && { "X-HTTP-Method-Override": "PATCH" }),
  };
}
