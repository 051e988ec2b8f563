// Every bound of the service that is not a setting, with its reason.

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export const LIMITS = {
  /** Bytes of a part: R2 wants 5 MiB at least, all equal but the last. */
  partSize: 8 * MiB,
  /** R2 takes part numbers 1 to 10,000; a part takes `storageAttempts` of them. */
  partNumbers: 10_000,
  /** R2 drops an open multipart upload after 7 days; ours is completed before. */
  multipartAge: 6 * 24 * 3_600_000,
  /** Parts on their way to R2 at once: with the one being filled, 24 MiB of buffers an upload. */
  partsInFlight: 2,
  /** Attempts at one R2 call before the request is refused with 503. */
  storageAttempts: 3,
  /** Bytes of one row of the tail; Durable Objects allow 2 MB a row. */
  tailRow: MiB,
  /** Appended bytes join the last tail row up to this size, so that tiny appends do not make a million rows. */
  tailRowJoin: 16 * KiB,
  /** Bytes read from a body at a time. */
  readView: 256 * KiB,
  /** Extents of one upload: they travel to the catalog in one statement. */
  extents: 1_000,
  /** Bytes of one upload; also the most that one R2 object could hold. */
  uploadSize: 5 * 1024 * GiB,
  /** Milliseconds without a byte of a request's body after which the append is given up. */
  bodyIdle: 60_000,
  /** The same while another request of the upload waits. */
  bodyIdleContested: 3_000,
  /** Milliseconds for which a sealed upload object remembers what it became. */
  sealedMemory: 7 * 24 * 3_600_000,
  /** Milliseconds after which an upload object tries again by itself what it could not finish. */
  alarmRetry: 15_000,
  /** Milliseconds for which the catalog remembers what an upload became: longer than any seal may take. */
  conversionMemory: 30 * 24 * 3_600_000,
  /** Milliseconds between two reports of an upload's last append to the catalog. */
  activityReport: 3_600_000,
  /** Milliseconds for which an isolate trusts a checked key; a deleted key is refused from then on. */
  keyMemory: 10_000,
  /** Keys that an isolate remembers at once. */
  keysRemembered: 1_000,
  /** Seconds for which an access token is good. */
  accessTokenSeconds: 900,
  /** Keys of one workspace: POST /auth tries each, at about 40 ms. */
  keysOfWorkspace: 16,
  /** Characters of a key or password. */
  secretLength: 1_024,
  /** Rows of an administration list; `?after=` goes on. */
  listed: 1_000,
  /** Bytes of a JSON request body. */
  jsonBody: 64 * KiB,
  /** Files declared for one artifact: their numbers are made in memory. */
  bundleFiles: 100_000,
  /** Folders that their paths name. */
  bundleFolders: 100_000,
  /** Bytes of the request that declares them: 100,000 files in as many bytes were read and numbered in a heap of
   * 96 MB, of an isolate's 128. */
  bundleBody: 24 * MiB,
  /** Bytes of an artifact's `data` as JSON. */
  bundleData: 256 * KiB,
  /** Refusals of single files that one answer names. */
  refusalsNamed: 20,
  /** Rows, and characters of them as JSON, that one statement inserts: D1 takes a parameter of 2 MB. */
  stagedRows: 5_000,
  stagedText: 500_000,
  /** Bytes of a file that is stored without an upload object when it comes whole: it is held in memory. */
  directFile: MiB,
  /** Files read from the catalog at a time while an artifact is described. */
  describedPage: 2_000,
  /** Relations listed of one artifact. */
  relationsListed: 1_000,
  /** Entries on a page of a listing (docs/conformance.md, `/a/`). */
  pageSize: 50,
  /** Bytes that one read of R2 gives while an archive is made. */
  readWindow: 8 * MiB,
  /** Pieces of a tar or zip opened before they are due: about four files' worth, as R2 answers six calls at once. */
  piecesAhead: 12,
  /** Bytes up to which what comes from R2 is read whole and sent together with what is around it. */
  smallSlice: 64 * KiB,
  /** Files read from the catalog at a time while an archive is made: fewer at first, so that a small range costs
   * little, then four times as many each time up to this. D1 answers 1,000 queries a request. */
  archivePage: 500,
  firstArchivePage: 4,
  /** Versions that an artifact keeps unless told otherwise (Shaken Fist's default). */
  maxVersions: 3,
  /** Versions listed of one artifact. */
  versionsListed: 1_000,
  /** Rows of one kind that a sweep handles at a time, and how many times in one run; the next run goes on. */
  sweepBatch: 200,
  sweepRounds: 20,
  /** Milliseconds before unreferenced bytes are deleted: downloads that began before go on. */
  garbageGrace: 24 * 3_600_000,
} as const;
