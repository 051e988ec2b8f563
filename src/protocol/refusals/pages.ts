// What is browsed and downloaded under /a/ and /w/.

import type { Refusal } from "./refusal.ts";

export const PAGE_REFUSALS = {
  artifact_not_ready: {
    status: 406,
    message: "artifact is still being made",
    help: "Send the same request again in a second",
  },
  artifact_forbidden: {
    status: 403,
    message: "permission denied",
    help: "Ask an owner of the workspace to add you as a member",
  },
  page_private: {
    status: 401,
    message: "this artifact is private",
    help: "Send a token in the Token header, or log in with a browser",
  },
  version_not_found: { status: 404, message: "artifact has no such version" },
  version_malformed: { status: 400, message: "version is not a positive integer" },
  path_not_found: {
    status: 404,
    message: "artifact has no such file or folder",
    help: "The address of the artifact with a slash at its end lists what it has",
  },
  path_malformed: { status: 400, message: "path is not percent-encoded UTF-8" },
  page_not_found: { status: 404, message: "listing has no such page" },
  page_malformed: { status: 400, message: "page is not a positive integer" },
  checksums_unsupported: {
    status: 400,
    message: "unsupported checksum",
    help: "Supported: checksums=sha256 and checksums=sha512",
  },
  search_too_long: { status: 400, message: "name to search for has more than 1,000 characters" },
  position_malformed: {
    status: 400,
    message: "after and before are the id of an artifact of the workspace, one of the two",
    help: "Leave it out to begin at the first artifact",
  },
  archive_unsupported: {
    status: 400,
    message: "unsupported archive format",
    help: "Supported: archive=tar.gz, archive=tar, archive=zip",
  },
  artifact_incomplete: {
    status: 409,
    message: "files of this artifact are missing",
    help: "An archive can be downloaded once all of them are uploaded",
  },
} as const satisfies Record<string, Refusal>;
