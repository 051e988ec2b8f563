// Every bound of the service that is not a setting, with its reason.

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export const LIMITS = {
  /** Bytes of a part: R2 wants 5 MiB at least, all equal but the last. */
  partSize: 8 * MiB,
  /** Bytes of a part of an upload that is to have so many: two of them are the share of appends (`memoryShares`). */
  largePartSize: 16 * MiB,
  largeUpload: 64 * GiB,
  /** R2 takes part numbers 1 to 10,000; a part takes `storageAttempts` of them. */
  partNumbers: 10_000,
  /** R2 drops an open multipart upload after 7 days; ours is completed before. */
  multipartAge: 6 * 24 * 3_600_000,
  /** Parts on their way to R2 at once: with the one being filled, 24 MiB of buffers an upload, where nobody else wants
   * them. */
  partsInFlight: 2,
  /** Bytes that all requests and objects of an isolate hold together, of the 128 MB that it has; src/budget/shares.ts
   * says for what. Four appends hold a whole part at once; what claims more than a share runs alone in it. */
  memoryShares: {
    unpacking: 8 * MiB,
    packing: 8 * MiB,
    relay: 4 * MiB,
    work: 35 * MiB,
    sending: 5 * MiB,
    views: 4 * MiB,
  },
  /** Claims of at most so many bytes are not counted, being what any request takes; those up to `small` share a lane, of
   * so many bytes of `work` and of `relay`, which no larger claim is in. */
  memoryLanes: { uncounted: 8 * KiB, small: 256 * KiB, work: 2 * MiB, relay: MiB },
  /** Milliseconds for which a request waits for memory before it is refused with 503. */
  memoryPatience: 20_000,
  /** Milliseconds after which it looks whether it has its turn. */
  memoryPoll: 10,
  /** Milliseconds between two signs of life of who holds memory, and after how many without one it is taken from it. */
  leasePulse: 30_000,
  leaseLost: 120_000,
  /** Attempts at one call of R2 or D1 before the request is refused with 503, and milliseconds before the second one; each
   * further pause is twice as long, which makes about 5 seconds of them. */
  storageAttempts: 5,
  storagePause: 330,
  /** Bytes of one row of the tail; Durable Objects allow 2 MB a row. */
  tailRow: MiB,
  /** Appended bytes join the last tail row up to this size, so that tiny appends do not make a million rows. */
  tailRowJoin: 16 * KiB,
  /** Bytes read from a body at a time. */
  readView: 256 * KiB,
  /** Bytes of a body that comes from memory, after which others are let in: hashing and storing them takes about 10 ms. */
  bodyStep: MiB,
  /** Bytes that the buffer of a body has at first, or less of a small body; it grows four times as large whenever it is
   * full. */
  firstBuffer: 64 * KiB,
  firstOfSmall: 4 * KiB,
  /** Extents of one upload: they travel to the catalog in one statement. */
  extents: 1_000,
  /** Bytes of one upload; also the most that one R2 object could hold. */
  uploadSize: 5 * 1024 * GiB,
  /** Milliseconds within which the next `bodyProgress` bytes of a request's body must come, or the append is given
   * up. */
  bodyIdle: 60_000,
  /** The same while another request of the upload waits: that one waits for at most twice as long. */
  bodyIdleContested: 3_000,
  /** Bytes that count as progress: a client of 56 kbit/s sends as many in 3 seconds. */
  bodyProgress: 16 * KiB,
  /** The same while others wait for memory, unless the body holds less of it. */
  bodyContested: 256 * KiB,
  /** Milliseconds for which a client takes nothing of a download that holds memory before it is cut off, when others
   * wait for that. */
  readerIdleContested: 10_000,
  /** The same of a page, of which less is sent at a time. */
  viewerIdleContested: 2_000,
  /** Milliseconds for which a sealed upload object remembers what it became. */
  sealedMemory: 7 * 24 * 3_600_000,
  /** Milliseconds after which an upload object tries again by itself what it could not finish. */
  alarmRetry: 15_000,
  /** Milliseconds after which the seal of a draft that failed is tried again for the first time. */
  sealRetry: 1_000,
  /** Milliseconds after which a seal that cannot be finished is given up; R2 drops an open multipart upload after seven
   * days. Shorter than `conversionMemory`: the catalog then knows for sure that it has nothing of the upload. */
  sealPatience: 8 * 24 * 3_600_000,
  /** Milliseconds for which the catalog remembers what an upload became: longer than any seal may take. */
  conversionMemory: 30 * 24 * 3_600_000,
  /** Milliseconds between two reports of an upload's last append to the catalog. */
  activityReport: 3_600_000,
  /** Milliseconds after which an isolate asks again whether the database has its schema, when it had another. */
  schemaMemory: 5_000,
  /** Milliseconds after which code that is being replaced looks again at an object that its successor has changed. */
  newerPause: 60_000,
  /** Milliseconds for which an isolate trusts a checked key or token where nothing but bytes is changed
   * (src/auth/recall.ts); a deleted one is refused from then on. */
  keyMemory: 10_000,
  /** Milliseconds that a JSON body may take without the credentials that came with it being judged again. */
  bodyMoment: 1_000,
  /** Keys, and tokens, that an isolate remembers at once. */
  keysRemembered: 1_000,
  /** Seconds for which an access token is good. */
  accessTokenSeconds: 900,
  /** Keys of one workspace: after a change of TOKEN_SECRET, POST /auth tries each, at about 40 ms. */
  keysOfWorkspace: 16,
  /** Characters of a key that somebody chooses, at least. */
  chosenKeyLength: 8,
  /** Tokens of one user, and of all workers together. */
  tokensOfUser: 100,
  tokensOfWorkers: 1_000,
  /** Characters of a key or password. */
  secretLength: 1_024,
  /** Characters from which on a chosen key counts as one that cannot be guessed, as a drawn one does. */
  secretUnguessed: 32,
  /** Rows of an administration list; `?after=` goes on. */
  listed: 1_000,
  /** Milliseconds without a request after which a session ends: a night and a morning. */
  sessionIdle: 24 * 3_600_000,
  /** Milliseconds after which a session ends however much it is used. */
  sessionAge: 7 * 24 * 3_600_000,
  /** Milliseconds between two notes of a session's last use: pages would else write a row each. */
  sessionReport: 5 * 60_000,
  /** Sessions of one user; another login ends the one that was used the longest ago. */
  sessionsOfUser: 50,
  /** Milliseconds after the last failed login in which its kind is remembered. */
  loginMemory: 3_600_000,
  /** Failed logins before the next one has to wait; the wait then doubles from a second with each more, up to
   * `longestWait`. For a name from one network, which is what a person mistypes; for a network, which may be
   * an office; and for a name from anywhere. That last wait is short: others bring it about. */
  loginOfPair: { free: 5, longestWait: 15 * 60_000 },
  loginOfNetwork: { free: 50, longestWait: 15 * 60_000 },
  loginOfName: { free: 50, longestWait: 60_000 },
  /** Wrong keys of a network after which it waits, likewise, before one that it has not used before counts; and wrong
   * ones of one workspace, sent in that wait, after which those that it has used wait too. Keys that were drawn never do. */
  wrongKeysOfNetwork: { free: 50, longestWait: 15 * 60_000 },
  wrongKeysOfPair: { free: 1_000, longestWait: 60_000 },
  /** Networks remembered of a user or a key, the newest, and milliseconds after the last use for which they are. */
  networksKnown: 20,
  networkMemory: 90 * 86_400_000,
  /** Milliseconds between two notes of a known network's last use. */
  networkReport: 86_400_000,
  /** Failed logins with the cookie of a device, which count there and nowhere else. */
  loginOfDevice: { free: 5, longestWait: 15 * 60_000 },
  /** Seconds for which a device is remembered, the most that browsers keep a cookie, and users of one. */
  deviceSeconds: 400 * 86_400,
  usersOfDevice: 4,
  /** Milliseconds between the starts of two hashes of passwords and keys, which take about 40 of the processor: those of
   * strangers take two fifths of an isolate's time at the most, and those of who is known as much beside. */
  hashPause: 100,
  /** Milliseconds for which one waits for its turn, and turns that one caller waits for at once: a second's. */
  hashWait: 4_000,
  hashesOfCaller: 10,
  /** Bytes of a request body in JSON or of a form. */
  jsonBody: 64 * KiB,
  /** Arrays and objects within each other in a body: SQLite reads no JSON of more than 1,000, and what is kept once
   * would fail every request that shows it. */
  jsonDepth: 100,
  /** Members of all arrays and objects of a body: `bundleFiles` have seven each, and each may take 56 bytes of memory. */
  jsonValues: 1_000_000,
  /** Characters of a large body that are looked at, and parsed, at a time: JSON.parse() cannot be stopped. */
  jsonStep: 64 * KiB,
  /** Members of its outermost object, and characters of one member of what is in there: `bundleData` with every character
   * escaped. */
  jsonOuterMembers: 1_000,
  jsonMember: 1_536 * KiB,
  /** Bytes of extended headers of one member of a tar that is unpacked: xattrs of 64 KiB fit. */
  tarHeaders: MiB,
  /** Records of pax in the headers of one member of a tar: xattrs have one each. */
  tarRecords: 10_000,
  /** Headers of pax and GNU in a tar: a member has four kinds of them. */
  tarExtensions: 400_000,
  /** Runs of a sparse file in a tar, and zeros between them in a whole tar: they are not stored, but hashed. */
  sparseRuns: 20_000,
  sparseZeros: 16 * GiB,
  /** Compressed bytes inflated at a time. */
  inflateStep: 64 * KiB,
  /** Blocks of deflate, or members of a gzip, that may give nothing before others may be let in. */
  blocksAtOnce: 64,
  /** Members of a gzip: a bgzip of 16 GiB has 262,144. */
  gzipMembers: 300_000,
  /** Compressed bytes that may give nothing: a gzip header with its extra field and name, or a stored block. */
  inflateIdle: 192 * KiB,
  /** Bytes of the directory of a zip read at a time. */
  zipWindow: 256 * KiB,
  /** Bytes that may be read of a zip for its members: whatever its size, and times its size. Its members mostly lie in order. */
  zipReadFree: 64 * MiB,
  zipReadRatio: 2,
  /** Files declared for one artifact: their numbers are made in memory. */
  bundleFiles: 100_000,
  /** Folders that their paths name. */
  bundleFolders: 100_000,
  /** Bytes of the request that declares them: 100,000 files in as many bytes were read and numbered in a heap of
   * 96 MB, of an isolate's 128. It claims all of its share of the memory. */
  bundleBody: 24 * MiB,
  /** Bytes of memory that a body of text takes for each of its own: once read, and once it is values. */
  textHeld: 2,
  valuesHeld: 4,
  /** Bytes of memory that the page about a text takes beside that. */
  viewHeld: 512 * KiB,
  /** Bytes of an artifact's `data` as JSON. */
  bundleData: 256 * KiB,
  /** Bytes of all files of a version, and of all living versions of a workspace, whatever its quota: with what archives
   * add, their sums are integers that every number of the service holds, below 2^53. */
  workspaceBytes: 2 ** 52,
  /** Refusals of single files that one answer names. */
  refusalsNamed: 20,
  /** Versions of its workspace that a declaration looks for its files in, artifacts whose versions these are, and bytes that it
   * reads of them: the hashes of 13 versions of 100,000 files. */
  knownVersions: 64,
  knownArtifacts: 256,
  knownBytes: 16 * MiB,
  /** Contents looked up in one statement, and versions whose manifests are read at once: R2 answers six calls. */
  contentsAtOnce: 1_000,
  manifestsAtOnce: 6,
  /** Bytes of what is declared that travel to a draft at once: a call takes 32 MiB. */
  draftCall: 8 * MiB,
  /** Milliseconds after which a draft asks whether its version was made; the longest pause before a failed seal is tried again. */
  draftCheck: 3_600_000,
  /** Numbers of packs that a draft sets aside at a time. */
  packNumbers: 4,
  /** Milliseconds for which whoever brings the last file waits for the seal. */
  sealWait: 10_000,
  /** Bytes of memory that a seal claims for each file beside twice what was declared of it, and at least: 48 MiB for 100,000. */
  sealPerFile: 280,
  sealLeast: 256 * KiB,
  /** Bytes of a file that is packed with others when it comes whole: it is held in memory. */
  smallFile: MiB,
  /** Bytes from which on a file is found by its hashes, whatever version it is in; the only file of a version always is. */
  indexedFile: MiB,
  /** Files of a pack, and their bytes: a pack stays while one of its files does. */
  packFiles: 100,
  packSize: 4 * MiB,
  /** Milliseconds after a pack of several files in which the next one gathers. */
  packPause: 10,
  /** Bytes of files' records that a draft gives at a time while an artifact is described: some thousand files. */
  describedBytes: 512 * KiB,
  /** Entries that a draft gives at a time. */
  draftPage: 500,
  /** Relations listed of one artifact. */
  relationsListed: 1_000,
  /** Entries on a page of a listing (docs/conformance.md, `/a/`). */
  pageSize: 50,
  /** Artifacts on a page of a workspace, and workspaces on the start page. */
  artifactPage: 50,
  workspacePage: 50,
  /** Versions counted of each artifact of such a page; there may be more. */
  versionsCounted: 100,
  /** Versions that a listing offers to switch to, the newest. */
  versionsOffered: 10,
  /** Characters of a name to search for. */
  searchLength: 1_000,
  /** Bytes of a file that its page shows, and lines: each becomes elements of HTML. */
  viewedBytes: 2 * MiB,
  viewedLines: 50_000,
  /** First bytes of a text that are looked at for its charset before it is sent. */
  charsetBytes: 4 * KiB,
  /** Bytes of it that become HTML at a time. */
  viewedPiece: 32 * KiB,
  /** Characters of such a file up to which it gets colours: the worst that a file can say takes under a second. */
  highlightedLength: 512 * KiB,
  /** Bytes that one read of R2 gives while a file or an archive is sent, unless a setting says otherwise, and the first one of it: a
   * client that takes nothing costs no more. */
  readWindow: 8 * MiB,
  firstWindow: MiB,
  /** Bytes that R2 is asked for before others are let in, and milliseconds that one waits at most to ask: its local simulator
   * keeps all waiting for 10 milliseconds a MiB. */
  readAtOnce: 8 * MiB,
  readPatience: 120_000,
  /** Pieces of an archive opened before they are due: R2 answers six calls at once. */
  piecesAhead: 5,
  /** Bytes up to which a slice of R2 is read whole and sent together with what is around it, and up to which what lies
   * between two such slices of an object is read to have both at once. */
  smallSlice: 64 * KiB,
  /** Bytes that are read and sent together so. */
  groupLength: 1 * MiB,
  /** Files read from the catalog at a time while an archive is made: fewer at first, so that a small range costs
   * little, then four times as many each time up to this. D1 answers 1,000 queries a request. */
  archivePage: 500,
  firstArchivePage: 4,
  /** Parts of a body under /files/ after which they are committed, and milliseconds after which those that came are: so
   * much is lost at most when the object dies, 16 MiB, and 32 MiB of a large upload. */
  keptParts: 2,
  keptPieceTime: 60_000,
  /** Milliseconds after a refusal by the catalog before an upload that is all there is offered to it again. */
  refusalPause: 60_000,
  /** Uploads that one may be made of, and milliseconds for which its request waits for that. */
  joinedUploads: 100,
  joinPatience: 10_000,
  /** Uploads that become the artifact of one folder, and of how many the objects are asked at once: the Worker asks each, and
   * the bundle's object again. Characters of a bundle's name, bytes of the request, and characters of JSON in which the object
   * notes its files: its row may have 2 MB. */
  bundledUploads: 900,
  askedAtOnce: 6,
  bundleName: 64,
  bundleCall: 1 * MiB,
  bundleNotes: 1_000_000,
  /** Bytes of Upload-Metadata. */
  uploadMetadata: 8 * KiB,
  /** Bytes of a fetched body after which they are committed, and milliseconds after which those that came are. */
  fetchPiece: 32 * MiB,
  fetchPieceTime: 60_000,
  /** Milliseconds for which one request of a fetch is read: an alarm may take 15 minutes. */
  fetchSlice: 10 * 60_000,
  /** Milliseconds to wait for the headers of a fetched URL. */
  fetchHeaders: 30_000,
  /** Redirects followed from one fetched URL. */
  fetchRedirects: 5,
  /** Requests of one fetch, and how many in a row may bring less than `fetchProgress` bytes. */
  fetchAttempts: 100,
  fetchFailures: 5,
  fetchProgress: MiB,
  /** Milliseconds before the second request of a fetch; each further failure in a row makes it four times as long. */
  fetchRetry: 500,
  /** Fetches and explosions of one workspace at once, together. */
  fetchesOfWorkspace: 20,
  /** Members of an archive that becomes an artifact, and folders that their paths name: as of one that is declared. */
  archiveMembers: 100_000,
  archiveFolders: 100_000,
  /** Bytes that their paths and checksums take: they are put in order in memory, where this twice is nearly all that there is
   * for work. */
  archiveRecords: 36 * MiB,
  /** Look-ups that all links of an archive may need together, and bytes for the record of each that becomes a file, on average. */
  linkLookups: 1_000_000,
  linkRecord: 400,
  /** Members of an archive that are left out and named, and bytes of their names. */
  leftOutNamed: 1_000,
  leftOutBytes: 64 * KiB,
  /** Files that are folders too, which are counted when an archive is refused for them. */
  faultsCounted: 1_000,
  /** Members of an archive that are written to the upload's own rows at a time, and bytes of it that are walked through at a time:
   * others wait as long. */
  membersAtOnce: 1_000,
  walkStep: 64 * KiB,
  /** Bytes of an archive read at a time, which are then committed: more than the headers of a member may have. */
  explodePiece: 8 * MiB,
  /** Bytes of a compressed archive read at a time, and of what it unpacks to stored at a time: so eight archives are under way at
   * once in an isolate, of as many workspaces, and two of them go on. */
  unpackRead: MiB,
  unpackPiece: 4 * MiB,
  /** Milliseconds after which an archive that is unpacked lets the next one go on, and those that one waits at most. */
  unpackTurn: 2_000,
  unpackPatience: 600_000,
  /** Milliseconds for which an archive is read in one turn of the upload's alarm; others wait as long. */
  explodeSlice: 5_000,
  /** Archives of one workspace that are remembered as refused, and milliseconds for which they are. */
  refusedArchives: 200,
  refusalMemory: 30 * 24 * 3_600_000,
  /** Milliseconds between two reports of how far unpacking has come; reading reports once a turn. */
  explodeReport: 3_000,
  /** Units of work (src/protocol/pace.ts; one is about 10 ns), and milliseconds, after which long work lets others in, and times
   * that it waits at most for others that work too. */
  workSlice: 2_000_000,
  workSliceTime: 20,
  workRounds: 100,
  /** Units of work that an explosion may take with all its repeats after crashes: whatever its size, for each byte of the archive,
   * and for each that it unpacks to. What real tools make takes a tenth. */
  workFree: 3_000_000_000,
  workPerByte: 50,
  workPerUnpacked: 5,
  /** Units of work after which an explosion notes how much it took: a crash forgets what came since. */
  workNoted: 200_000_000,
  /** Bytes that a compressed archive may unpack to: it is done in one turn of the alarm, which may take 15 minutes
   * and, as wrangler.toml has it, 5 of the processor. */
  unpackedSize: 16 * GiB,
  /** How many times its own bytes, beyond the first, which an almost empty image of a disk takes: deflate reaches 1,032 with
   * nothing but zeros. */
  unpackedRatio: 200,
  unpackedFree: GiB,
  /** Blobs read from the catalog at a time while all are listed: D1 allows 1,000 statements a request. */
  blobsPage: 500,
  /** Versions that an artifact keeps unless told otherwise (Shaken Fist's default). */
  maxVersions: 3,
  /** Versions listed of one artifact. */
  versionsListed: 1_000,
  /** Artifacts read from the catalog at a time for GET /artifacts, or deleted at a time. */
  artifactsPage: 100,
  /** Entries of the metadata of one thing, bytes of a key, and bytes of all of it as JSON: each page of GET /artifacts
   * holds that of `artifactsPage` artifacts. */
  metadataEntries: 100,
  metadataKey: 255,
  metadataBytes: 64 * KiB,
  /** Events that an artifact keeps, and those that one request gets (Shaken Fist's default). A deleted one keeps
   * `eventsOfTombstone`. */
  eventsKept: 100,
  eventsOfTombstone: 10,
  eventsListed: 100,
  /** Calls of D1 that an account reports to its rate limit as one. As the limits of wrangler.toml count a minute, their
   * numbers are calls a second: 300 for a caller, 100 for a network. */
  callsReported: 60,
  /** What a network pays beside its calls for each that found no good credentials: it may try 20 a second. */
  callsOfGuess: 5,
  /** Callers and networks whose accounts an isolate keeps, of about 200 bytes each. */
  accountsRemembered: 10_000,
  /** Milliseconds for which whoever is over the limit has to wait. */
  rateHold: 10_000,
  /** Milliseconds for which an isolate remembers what strangers looked up, characters of all that it remembers, and of one
   * answer: a file of some hundred extents, a page of a listing. */
  lookupMemory: 5_000,
  lookupsLength: 4 * MiB,
  lookupLength: 64 * KiB,
  /** Uploads of one workspace that are open at once: an abandoned one may hold a part for a day. */
  uploadsOfWorkspace: 1_000,
  /** Entries in the catalog (docs/storage.md) of a workspace without a quota; with one, an entry for so many bytes of it,
   * and some in any case. A D1 database holds 10 GB, of which an entry takes up to 2 KB. */
  entriesOfWorkspace: 4_000_000,
  bytesOfEntry: 8_192,
  leastEntries: 1_024,
  /** Bytes that a D1 database holds, and those from which on no new content is taken: logins, deletions, the audit and the
   * sweep go on in the rest. */
  catalogBytes: 10_000_000_000,
  catalogContent: 9_000_000_000,
  /** Bytes that are kept free for the sweep of a database that holds no more: it writes fewer in one batch. */
  catalogReserve: MiB,
  /** Rows about one workspace that one caller may cause in the audit on a day; those beyond are counted in one. That many
   * for a workspace with as many entries, fewer for one with fewer, but some in any case. The key of `system` has no
   * bound. */
  auditOfDay: 10_000,
  leastAuditOfDay: 500,
  /** Milliseconds for which rows of the audit are kept unless a setting says otherwise. */
  auditKept: 400 * 86_400_000,
  /** Rows of the audit on a page, and rows looked at for one: those that do not fit cost as much. */
  auditListed: 100,
  auditScanned: 5_000,
  /** Milliseconds for which a day of the audit must be over before its rows go to R2: what is asked for most stays in the
   * catalog, which holds little more of it than that. */
  auditInCatalog: 7 * 86_400_000,
  /** Rows of one of those objects, and bytes of their lines before they are compressed: D1 gives them, and a page reads
   * them, at once. No row is larger: D1 allows 2 MB. */
  auditObjectRows: 5_000,
  auditObjectText: 2 * MiB,
  /** Those objects that a page reads, while they have no more than `auditScanned` rows together. */
  auditObjectsRead: 20,
  /** Milliseconds in which catalog and R2 must answer for the service to be healthy. */
  healthProbe: 5_000,
  /** Rows of one kind that GET /metrics counts, and workspaces that it names: its cost does not grow. */
  counted: 10_000,
  workspacesMeasured: 100,
  /** Milliseconds after its end at which an idle upload should be gone, whatever a sweep had to do. */
  uploadOverdue: 3_600_000,
  /** Rows of one kind that a sweep handles at a time, how many times in one run, and milliseconds after which none of its
   * steps begins another batch: the next run goes on. D1 answers 1,000 queries a run. */
  sweepBatch: 200,
  sweepRounds: 50,
  sweepTime: 4 * 60_000,
  /** References to R2 objects that it takes from deleted versions at a time, and keys that it deletes: R2 takes 1,000. */
  sweepRefs: 2_000,
  sweepKeys: 1_000,
  /** The same for failed logins: a hundred bytes each, and guesses from ever new networks make 30 a second in each isolate. */
  sweepFailures: 5_000,
  /** Rows, keys of R2, and uploads and drafts that one call of `npm run fsck` compares: each of these may take a call. */
  fsckRows: 500,
  fsckKeys: 500,
  fsckUploads: 50,
  /** Entries of versions that it goes through: one version may have as many as `bundleFiles` and `bundleFolders`. */
  fsckEntries: 20_000,
  /** Workspaces whose bytes it sums: two rows a version. */
  fsckWorkspaces: 10,
  /** Bytes that it hashes: about 0.1 seconds of the processor, and a second of reading. */
  fsckBytes: 16 * MiB,
  /** Milliseconds after which what should have happened at once, or by the next sweeps, is a difference. */
  fsckSlack: 3_600_000,
  /** Milliseconds for which a deleted artifact is shown by its uuid, with its events; not less than
   * `conversionMemory`: what an upload became is told by this row. */
  tombstoneMemory: 30 * 24 * 3_600_000,
  /** Milliseconds before unreferenced bytes are deleted: downloads that began before go on. */
  garbageGrace: 24 * 3_600_000,
  /** Rows that one statement inserts: D1 takes a parameter of 2 MB. */
  rowsAtOnce: 5_000,
  /** Bytes of a manifest that is kept in its version's row; a larger one is an R2 object (docs/decisions/028). */
  manifestInline: 4 * KiB,
  /** Bytes of the index of an object, which is in the row as well, and blocks: more entries make larger blocks. */
  manifestIndex: 64 * KiB,
  manifestBlocks: 1_024,
  /** Bytes of a block: paths of 1,000 bytes make it end before it has its entries. */
  manifestBlock: 256 * KiB,
  /** Bytes of a manifest read at a time while all of it is gone through. */
  manifestRead: MiB,
  /** Bytes of blocks that an isolate keeps. */
  blocksKept: 8 * MiB,
} as const;
