// What each difference that `npm run fsck` finds means, and what to do where a repair does not do it. For the API document
// and the script, not for the Worker.

import type { Difference } from "../protocol/differences.ts";

const REPAIR = "run again with --repair";
const ANEW = "delete the version and make it anew";
const RESTORE =
  "restore the object from a copy, or delete the versions that name it and upload them again";
const LOST_AUDIT =
  "restore the object from a copy, and find out who writes to this bucket beside Stowage";

export const DIFFERENCES = {
  object_missing: {
    means: "bytes that a version or an upload names are gone from R2",
    todo: RESTORE,
  },
  object_short: {
    means: "the object in R2 ends before the bytes that a version or an upload names",
    todo: RESTORE,
  },
  object_orphan: {
    means: "nothing names the object, and it is older than the grace",
    todo: `${REPAIR}: the object becomes garbage, which the sweep deletes after the grace`,
  },
  object_foreign: {
    means: "the object's key is none that Stowage gives",
    todo: "find out who writes to this bucket; Stowage wants one of its own",
  },
  audit_missing: {
    means: "rows of the audit are lost: the object that holds them is gone from R2",
    todo: LOST_AUDIT,
  },
  audit_altered: {
    means: "the object that holds rows of the audit has other bytes than were written",
    todo: LOST_AUDIT,
  },
  audit_chain: {
    means:
      "an object of the audit does not follow the one before it: the catalog names one less, or another",
    todo: "find out who changes the catalog beside Stowage; objects that nothing names tell which rows it was",
  },
  content_damaged: {
    means: "the bytes are not those that were sealed: another checksum comes out",
    todo: RESTORE,
  },
  content_unreadable: { means: "the bytes of files cannot all be read", todo: RESTORE },
  version_state: {
    means:
      "the version misses files, and has no draft that they could come into, or misses none and is not sealed",
    todo: "declare its files again: the sweep removes this one a while after its last file came",
  },
  version_order: {
    means: "the version's files and folders are not in the order of their paths",
    todo: ANEW,
  },
  version_sums: {
    means: "counts or sums of the version's files and folders are wrong",
    todo: ANEW,
  },
  version_manifest: {
    means: "the version's list of files is damaged, or its row does not go with it",
    todo: `${REPAIR}: the row gets the index of the list; where that did not repair it, ${RESTORE}`,
  },
  version_refs: {
    means:
      "the catalog has not the objects that the version's files name: the sweep might delete them",
    todo: `${REPAIR}: they are noted again`,
  },
  version_contents: {
    means: "large files of the version are not found by their hashes, or others are",
    todo: `${REPAIR}: they are noted again`,
  },
  content_unheld: {
    means: "no version holds the content, so the sweep never looks at it",
    todo: `${REPAIR}: its row goes`,
  },
  artifact_index: {
    means: "the artifact would give a version index a second time",
    todo: `${REPAIR}: the highest index is raised`,
  },
  artifact_fetching: {
    means: "the artifact waits for an upload that is not there",
    todo: `${REPAIR}: it says that the fetch failed, and can be fetched again`,
  },
  garbage_referenced: {
    means: "the sweep would delete an object that a version or the audit names",
    todo: `${REPAIR} before the sweep does: the object is garbage no more`,
  },
  sweep_behind: {
    means: "what the sweep removes has been due for more than an hour",
    todo: "let the cron run and look at its log for failures; --repair runs one sweep",
  },
  used_bytes: {
    means: "the workspace's used_bytes is not the sum of its living versions",
    todo: `${REPAIR}: it is summed again`,
  },
  used_entries: {
    means: "the workspace's used_entries is not the sum of what its rows count as",
    todo: `${REPAIR}: it is summed again`,
  },
  upload_lost: {
    means: "the upload's object has none of it: it was never opened, or its bytes are lost",
    todo: `${REPAIR}: the upload is forgotten; its client gets 404 and begins a new one`,
  },
  upload_ended: {
    means: "the upload became a version, yet the catalog still lists it",
    todo: `${REPAIR}: the row goes`,
  },
  upload_foreign: {
    means: "the upload's object belongs to another workspace than the catalog says",
    todo: "report this with the log of the upload: neither side can be trusted",
  },
  upload_unlisted: {
    means:
      "an upload has bytes that the catalog does not know of, so the sweep never asks for them",
    todo: `${REPAIR}: the upload is listed again, and goes as an idle one`,
  },
} as const satisfies Record<Difference["kind"], { means: string; todo: string }>;
