-- The catalog: the only truth about what exists and who may see it. This is the whole present schema, to be read; a
-- database gets it from migrations/ (docs/upgrade.md), and a test proves that both are the same.
-- Times are integer milliseconds, sizes integer bytes below 2^53, hashes lower-case hex text but for those of contents.
-- docs/storage.md says who writes and who reads each table.

-- The migrations that the database had; the last number is that of its schema. The service serves no other schema than its
-- own (src/catalog/schema-number.ts).
CREATE TABLE IF NOT EXISTS schema_version (
  number INTEGER PRIMARY KEY,           -- 1, 2, ... without a gap
  name TEXT NOT NULL,                   -- of the file in migrations/
  sha256 TEXT NOT NULL,                 -- of that file: it is never changed once a database had it
  applied_at INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS workspaces (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- ids are never used again: uploads remember theirs
  name TEXT NOT NULL UNIQUE,
  public INTEGER NOT NULL DEFAULT 0,    -- 1: anyone may read
  quota_bytes INTEGER,                  -- NULL: no limit
  -- The sizes of all files in living versions, kept by the triggers below. A batch that publishes sets it to NULL where it is
  -- over the quota in the end, which quota_is_kept refuses.
  used_bytes INTEGER NOT NULL DEFAULT 0,
  -- What its rows in this catalog come to (the columns `entries` below), whatever their files weigh. Triggers keep it, and
  -- refuse what would take it beyond entry_limit.
  used_entries INTEGER NOT NULL DEFAULT 0,
  quota_entries INTEGER,                -- NULL: as many as suit quota_bytes
  entry_limit INTEGER GENERATED ALWAYS AS (coalesce(quota_entries,
    iif(quota_bytes IS NULL, 4000000, max(1024, min(4000000, quota_bytes / 8192))))) VIRTUAL,
  default_expiration_days INTEGER,      -- NULL: artifacts stay
  created_at INTEGER NOT NULL
);

-- An upload, an artifact or a note may be one too many; what lessens the sum never is. A sum of -1 is being made anew.
CREATE TRIGGER IF NOT EXISTS entries_are_bounded BEFORE UPDATE OF used_entries ON workspaces
WHEN NEW.used_entries > OLD.used_entries AND NEW.used_entries > OLD.entry_limit AND OLD.used_entries >= 0
BEGIN
  SELECT RAISE(ABORT, 'stowage entries_exceeded');
END;

-- Its own quota, and the bound of every workspace (LIMITS.workspaceBytes): what is summed from used_bytes stays an exact
-- number.
CREATE TRIGGER IF NOT EXISTS quota_is_kept BEFORE UPDATE OF used_bytes ON workspaces
WHEN NEW.used_bytes IS NULL OR (NEW.used_bytes > OLD.used_bytes AND NEW.used_bytes > 4503599627370496)
BEGIN
  SELECT RAISE(ABORT, 'stowage quota_exceeded');
END;

CREATE INDEX IF NOT EXISTS workspaces_public ON workspaces (id) WHERE public = 1;
CREATE INDEX IF NOT EXISTS workspaces_by_public ON workspaces (name) WHERE public = 1;

-- The workspace that administers all. Its key is the secret SYSTEM_KEY, not a row of workspace_keys.
INSERT INTO workspaces (name, created_at)
SELECT 'system', unixepoch() * 1000
WHERE NOT EXISTS (SELECT 1 FROM workspaces WHERE name = 'system');

CREATE TABLE IF NOT EXISTS workspace_keys (
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  secret_hash TEXT NOT NULL,            -- scrypt, or sha256 for a secret that we drew
  -- A keyed hash of the secret, by which POST /auth finds it (src/auth/key-lookup.ts); NULL, or made with another
  -- TOKEN_SECRET: until the key is next used.
  lookup TEXT,
  nonce TEXT NOT NULL,                  -- carried by every token; a changed key changes it, which ends them
  created_at INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, name)
) WITHOUT ROWID;

-- Which keys set a key, all of them since `system` last did: whoever has one of these may have its secret.
CREATE TABLE IF NOT EXISTS key_makers (
  workspace_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  maker TEXT NOT NULL,
  PRIMARY KEY (workspace_id, name, maker),
  FOREIGN KEY (workspace_id, name) REFERENCES workspace_keys (workspace_id, name) ON DELETE CASCADE,
  FOREIGN KEY (workspace_id, maker) REFERENCES workspace_keys (workspace_id, name) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS key_makers_by_maker ON key_makers (workspace_id, maker);

-- workspace_id lets trusted_id read its artifacts, and leave gifts.
CREATE TABLE IF NOT EXISTS trusts (
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  trusted_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  -- When trusted_id accepted it: from then on its lists, names and notes show what workspace_id has. NULL: not yet.
  accepted_at INTEGER,
  PRIMARY KEY (workspace_id, trusted_id)
) WITHOUT ROWID;

-- Unique, so that a listing through it is known to be in order.
CREATE UNIQUE INDEX IF NOT EXISTS trusts_of_trusted ON trusts (trusted_id, workspace_id);

-- What a workspace notes of itself; value is JSON.
CREATE TABLE IF NOT EXISTS workspace_metadata (
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  entries INTEGER GENERATED ALWAYS AS (1 + (octet_length(key) + octet_length(value)) / 1024) VIRTUAL,
  PRIMARY KEY (workspace_id, key)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,          -- scrypt
  created_at INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS members (
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role TEXT NOT NULL CHECK (role IN ('owner', 'contributor', 'viewer')),
  PRIMARY KEY (workspace_id, user_id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS members_of_user ON members (user_id, workspace_id);

CREATE TABLE IF NOT EXISTS tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('user', 'worker')),
  user_id INTEGER REFERENCES users (id) ON DELETE CASCADE, -- NULL for a worker
  token_hash TEXT NOT NULL UNIQUE,      -- SHA-256 of the token, which is not kept
  label TEXT NOT NULL,
  -- An enabled token has no disabled parent, and never a longer life than its parent.
  enabled INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,                   -- NULL: does not expire
  parent_id INTEGER REFERENCES tokens (id) ON DELETE CASCADE, -- the token that made it; NULL: `system` did
  CHECK ((kind = 'user') = (user_id IS NOT NULL))
);

CREATE INDEX IF NOT EXISTS tokens_by_user ON tokens (user_id);
CREATE INDEX IF NOT EXISTS tokens_by_parent ON tokens (parent_id) WHERE parent_id IS NOT NULL;

-- People who are logged in. A session ends when it is not used for a while, and at a fixed age.
CREATE TABLE IF NOT EXISTS sessions (
  id_hash TEXT PRIMARY KEY,             -- SHA-256 of the id in the cookie, which is not kept
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL         -- at most five minutes behind
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS sessions_by_user ON sessions (user_id);
CREATE INDEX IF NOT EXISTS sessions_by_use ON sessions (last_used_at);

-- Failed logins of a name, of a network, and of a name from a network.
CREATE TABLE IF NOT EXISTS login_failures (
  subject TEXT PRIMARY KEY,             -- a keyed hash: people type passwords where names belong
  failures INTEGER NOT NULL,            -- each within an hour of the one before; attempts under way count
  last_at INTEGER NOT NULL,
  blocked_until INTEGER NOT NULL        -- no attempt is looked at before; 0: none was ever put off
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS login_failures_by_age ON login_failures (last_at);

-- Networks from which somebody got in before: they pass gates that strangers have closed.
CREATE TABLE IF NOT EXISTS known_networks (
  owner TEXT NOT NULL,                  -- 'user <id>' or 'key <nonce>'
  network TEXT NOT NULL,                -- a keyed hash of the network and the owner
  last_at INTEGER NOT NULL,             -- when they last did, at most a day behind
  PRIMARY KEY (owner, network)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS known_networks_by_age ON known_networks (last_at);

CREATE TRIGGER IF NOT EXISTS key_networks_end AFTER DELETE ON workspace_keys
BEGIN
  DELETE FROM known_networks WHERE owner = 'key ' || OLD.nonce;
END;

CREATE TRIGGER IF NOT EXISTS key_networks_change AFTER UPDATE OF nonce ON workspace_keys
BEGIN
  DELETE FROM known_networks WHERE owner = 'key ' || OLD.nonce;
END;

CREATE TRIGGER IF NOT EXISTS user_networks_end AFTER DELETE ON users
BEGIN
  DELETE FROM known_networks WHERE owner = 'user ' || OLD.id;
END;

-- Uploads that have not become a version yet. The bytes and their state are in the upload object of the same uuid.
CREATE TABLE IF NOT EXISTS uploads (
  uuid TEXT PRIMARY KEY,
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
  created_at INTEGER NOT NULL,
  last_append_at INTEGER NOT NULL,      -- at most an hour behind what the object knows
  -- The declared content that it brings to an incomplete version; NULL for an upload of its own.
  version_id INTEGER REFERENCES versions (id) ON DELETE SET NULL,
  sha256 TEXT,
  size INTEGER
) WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS uploads_by_content
  ON uploads (version_id, sha256, size) WHERE version_id IS NOT NULL;

CREATE INDEX IF NOT EXISTS uploads_by_last_append ON uploads (last_append_at);
CREATE INDEX IF NOT EXISTS uploads_by_workspace ON uploads (workspace_id);

-- How far an upload that is exploded has come, as it last reported.
CREATE TABLE IF NOT EXISTS explosions (
  upload_uuid TEXT PRIMARY KEY REFERENCES uploads (uuid) ON DELETE CASCADE,
  phase TEXT NOT NULL CHECK (phase IN ('unpacking', 'reading', 'publishing')),
  bytes INTEGER NOT NULL,               -- of the archive, read so far
  total_bytes INTEGER NOT NULL,
  files INTEGER NOT NULL                -- found so far
) WITHOUT ROWID;

-- Archives that could not be exploded: the same bytes are not read again by the same reader. At most 200 of a workspace.
CREATE TABLE IF NOT EXISTS refused_archives (
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  sha512 TEXT NOT NULL,                 -- of the archive
  reader INTEGER NOT NULL,              -- READER_REVISION of the one that refused it
  message TEXT NOT NULL,
  room INTEGER,                         -- what its files did not fit into; NULL: they would fit nowhere
  refused_at INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, sha512)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS refused_archives_by_age ON refused_archives (refused_at);

CREATE TABLE IF NOT EXISTS artifacts (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- the $ARTIFACT_ID of /a/
  uuid TEXT NOT NULL UNIQUE,
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
  type TEXT NOT NULL,                   -- Shaken Fist: image, snapshot, label, other
  category TEXT,                        -- Debusine's, any text; NULL for one made by the Shaken Fist API
  data TEXT,                            -- the JSON object that came with the category
  source_url TEXT NOT NULL,
  name TEXT NOT NULL,
  shared INTEGER NOT NULL DEFAULT 0,    -- 1: readable by all; only for the workspace system
  max_versions INTEGER NOT NULL,        -- 0 keeps all
  highest_index INTEGER NOT NULL DEFAULT 0, -- the last version index given out; never used again
  created_at INTEGER NOT NULL,
  expires_at INTEGER,                   -- NULL: stays. Past it the artifact is gone, swept or not
  deleted_at INTEGER,                   -- NULL: living
  -- initial: its first version is fetched or exploded; error: that failed. With a version it is created.
  state TEXT NOT NULL DEFAULT 'created' CHECK (state IN ('initial', 'created', 'error')),
  error_message TEXT,                   -- why the last fetch or explosion failed; NULL once one succeeds
  fetching TEXT,                        -- the upload that fetches source_url, or is exploded, now
  -- With up to 100 events while it lives, and 10 as a tombstone.
  entries INTEGER GENERATED ALWAYS AS (iif(deleted_at IS NULL, 8, 1) + (octet_length(type) + octet_length(source_url)
    + octet_length(name) + octet_length(coalesce(category, '')) + octet_length(coalesce(data, ''))) / 1024) VIRTUAL
);

CREATE UNIQUE INDEX IF NOT EXISTS artifacts_by_identity
  ON artifacts (workspace_id, type, source_url) WHERE deleted_at IS NULL;
-- With its last column, the id: the living ones of a workspace are in order.
CREATE INDEX IF NOT EXISTS artifacts_by_workspace ON artifacts (workspace_id, deleted_at);
CREATE INDEX IF NOT EXISTS artifacts_shared
  ON artifacts (workspace_id, id) WHERE shared = 1 AND deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS artifacts_by_deletion ON artifacts (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS artifacts_by_name ON artifacts (name, workspace_id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS artifacts_by_fetch
  ON artifacts (workspace_id, fetching) WHERE fetching IS NOT NULL;
CREATE INDEX IF NOT EXISTS artifacts_by_workspace_name
  ON artifacts (workspace_id, name COLLATE NOCASE, id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS artifacts_by_expiry
  ON artifacts (expires_at) WHERE deleted_at IS NULL AND expires_at IS NOT NULL;

-- What a workspace notes on its artifacts.
CREATE TABLE IF NOT EXISTS artifact_metadata (
  artifact_id INTEGER NOT NULL REFERENCES artifacts (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,                  -- JSON
  entries INTEGER GENERATED ALWAYS AS (1 + (octet_length(key) + octet_length(value)) / 1024) VIRTUAL,
  PRIMARY KEY (artifact_id, key)
) WITHOUT ROWID;

-- What happened to an artifact, written in the batch that did it.
CREATE TABLE IF NOT EXISTS events (
  artifact_id INTEGER NOT NULL REFERENCES artifacts (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,              -- 1, 2, ... within the artifact; only the newest ones stay
  at INTEGER NOT NULL,
  type TEXT NOT NULL,                   -- audit: somebody asked for it; prune, status: it followed
  message TEXT NOT NULL,
  actor TEXT NOT NULL,                  -- '<workspace>/<key>', 'user <name>' or 'stowage'
  extra TEXT NOT NULL,                  -- JSON object
  request_id TEXT,                      -- for the audit; NULL: no request did it, but time
  network TEXT,                         -- likewise
  PRIMARY KEY (artifact_id, number)
) WITHOUT ROWID;

-- A version: what is in it, and where its list of files is. Nothing of a sealed one changes but when it is deleted.
CREATE TABLE IF NOT EXISTS versions (
  -- May come again once its row is gone, a day after the deletion: what lives longer names a version by its draft, or by its
  -- artifact and index.
  id INTEGER PRIMARY KEY,
  artifact_id INTEGER NOT NULL REFERENCES artifacts (id),
  version_index INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  sealed_at INTEGER,                    -- NULL: files are missing; they come into its draft
  progress_at INTEGER,                  -- of an incomplete one: when it was declared, or its draft last said that a file came
  deleted_at INTEGER,                   -- NULL: living. Its rows go with the sweep, after a grace
  draft TEXT,                           -- the draft object that it was filled in; NULL: it came whole
  file_count INTEGER NOT NULL,
  entry_count INTEGER NOT NULL,         -- files and folders, the root aside
  total_bytes INTEGER NOT NULL,
  manifest_key TEXT,                    -- the manifest's R2 object; NULL: it is whole in `manifest`
  manifest_length INTEGER,              -- bytes of the whole manifest
  manifest BLOB,                        -- the whole manifest, or the index of the object. Last: scans of the others pass it over
  UNIQUE (artifact_id, version_index),
  CHECK ((sealed_at IS NULL) = (manifest IS NULL))
);

CREATE UNIQUE INDEX IF NOT EXISTS versions_by_draft ON versions (draft) WHERE draft IS NOT NULL;

CREATE INDEX IF NOT EXISTS versions_incomplete
  ON versions (progress_at) WHERE sealed_at IS NULL AND deleted_at IS NULL;

CREATE INDEX IF NOT EXISTS versions_by_deletion ON versions (deleted_at) WHERE deleted_at IS NOT NULL;

-- A version that cannot be added says why (src/catalog/refusals.ts): a column that is missing has no other reason.
CREATE TRIGGER IF NOT EXISTS versions_are_refused BEFORE INSERT ON versions
WHEN NEW.version_index IS NULL OR NEW.file_count IS NULL
BEGIN
  SELECT iif(NEW.version_index IS NULL, RAISE(ABORT, 'stowage artifact_not_own'), RAISE(ABORT, 'stowage artifact_renamed'));
END;

CREATE TRIGGER IF NOT EXISTS versions_are_not_changed
BEFORE UPDATE OF file_count, entry_count, total_bytes, manifest_key, manifest_length ON versions
WHEN (NEW.file_count, NEW.entry_count, NEW.total_bytes) IS NOT (OLD.file_count, OLD.entry_count, OLD.total_bytes)
  OR (OLD.sealed_at IS NOT NULL AND (NEW.manifest_key, NEW.manifest_length) IS NOT (OLD.manifest_key, OLD.manifest_length))
BEGIN
  SELECT RAISE(ABORT, 'versions are not changed');
END;

-- Which R2 objects a version names: those with its bytes, and that of its manifest. An object without a row here goes into
-- `garbage` in the same batch, and never comes back.
CREATE TABLE IF NOT EXISTS object_refs (
  version_id INTEGER NOT NULL REFERENCES versions (id),
  key TEXT NOT NULL,
  PRIMARY KEY (version_id, key)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS object_refs_by_key ON object_refs (key);

-- A copied reference whose origin is gone.
CREATE TRIGGER IF NOT EXISTS object_refs_are_refused BEFORE INSERT ON object_refs WHEN NEW.key IS NULL
BEGIN
  SELECT RAISE(ABORT, 'stowage object_gone');
END;

-- An index of manifests: contents of at least a MiB, and of every version's only file. What a manifest says holds.
CREATE TABLE IF NOT EXISTS contents (
  id INTEGER PRIMARY KEY,
  size INTEGER NOT NULL,
  -- The uuid of a blob is made of its first digits (src/protocol/blob-uuid.ts): the same whenever the content comes again, so
  -- that it does not tell whether somebody else kept it meanwhile.
  sha512 BLOB NOT NULL,
  sha256 BLOB NOT NULL,
  crc32 TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (sha512, size)
);

CREATE INDEX IF NOT EXISTS contents_by_sha256 ON contents (sha256, size);

-- Which versions hold a content, in their file of that number.
CREATE TABLE IF NOT EXISTS holders (
  content_id INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
  workspace_id INTEGER NOT NULL,        -- the artifact's: a content is looked up among those that the reader may read
  version_id INTEGER NOT NULL REFERENCES versions (id),
  file_number INTEGER NOT NULL,
  shared INTEGER NOT NULL DEFAULT 0,    -- the artifact's, likewise
  PRIMARY KEY (content_id, workspace_id, version_id)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS holders_by_version ON holders (version_id);
CREATE INDEX IF NOT EXISTS holders_shared ON holders (content_id) WHERE shared = 1;

CREATE TRIGGER IF NOT EXISTS artifact_shared AFTER UPDATE OF shared ON artifacts
WHEN NEW.shared <> OLD.shared
BEGIN
  UPDATE holders SET shared = NEW.shared
  WHERE version_id IN (SELECT id FROM versions WHERE artifact_id = NEW.id);
END;

-- What a workspace that holds a content notes of it; another that holds the same content has notes of its own.
CREATE TABLE IF NOT EXISTS blob_metadata (
  content_id INTEGER NOT NULL REFERENCES contents (id) ON DELETE CASCADE,
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,                  -- JSON
  entries INTEGER GENERATED ALWAYS AS (1 + (octet_length(key) + octet_length(value)) / 1024) VIRTUAL,
  PRIMARY KEY (content_id, workspace_id, key)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS blob_metadata_by_workspace ON blob_metadata (workspace_id);

-- What artifacts have to do with each other, from one to another.
CREATE TABLE IF NOT EXISTS relations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  artifact_id INTEGER NOT NULL REFERENCES artifacts (id) ON DELETE CASCADE,
  target_id INTEGER NOT NULL REFERENCES artifacts (id) ON DELETE CASCADE,
  type TEXT NOT NULL CHECK (type IN ('extends', 'relates-to', 'built-using')),
  UNIQUE (artifact_id, target_id, type)
);

CREATE INDEX IF NOT EXISTS relations_by_target ON relations (target_id);

-- workspaces.used_bytes: a version counts from its row to its deleted_at. used_entries: it counts, and each of its files and
-- folders, as long as its row is there.
CREATE TRIGGER IF NOT EXISTS usage_begins AFTER INSERT ON versions
BEGIN
  UPDATE workspaces SET used_entries = used_entries + 1 + NEW.entry_count,
    used_bytes = used_bytes + iif(NEW.deleted_at IS NULL, NEW.total_bytes, 0)
  WHERE id = (SELECT workspace_id FROM artifacts WHERE id = NEW.artifact_id);
END;

CREATE TRIGGER IF NOT EXISTS usage_ends AFTER UPDATE OF deleted_at ON versions
WHEN (NEW.deleted_at IS NULL) <> (OLD.deleted_at IS NULL)
BEGIN
  UPDATE workspaces SET used_bytes = used_bytes + iif(NEW.deleted_at IS NULL, 1, -1) * NEW.total_bytes
  WHERE id = (SELECT workspace_id FROM artifacts WHERE id = NEW.artifact_id);
END;

CREATE TRIGGER IF NOT EXISTS usage_vanishes AFTER DELETE ON versions
BEGIN
  UPDATE workspaces SET used_entries = used_entries - 1 - OLD.entry_count,
    used_bytes = used_bytes - iif(OLD.deleted_at IS NULL, OLD.total_bytes, 0)
  WHERE id = (SELECT workspace_id FROM artifacts WHERE id = OLD.artifact_id);
END;

-- One row an upload that was converted: a second conversion of the same upload fails on the key.
CREATE TABLE IF NOT EXISTS conversions (
  upload_uuid TEXT PRIMARY KEY,
  artifact_id INTEGER NOT NULL,
  version_index INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  workspace_id INTEGER                  -- whose entry it is; NULL for a declared content, which its version counts
) WITHOUT ROWID;

-- What was to become a version of an artifact that is gone.
CREATE TRIGGER IF NOT EXISTS conversions_are_refused BEFORE INSERT ON conversions WHEN NEW.artifact_id IS NULL
BEGIN
  SELECT RAISE(ABORT, 'stowage artifact_not_found');
END;

CREATE INDEX IF NOT EXISTS conversions_by_age ON conversions (created_at);

-- workspaces.used_entries: a row counts against the workspace that it was made for, from its insertion to its end.
CREATE TRIGGER IF NOT EXISTS entries_of_artifact_begin AFTER INSERT ON artifacts
BEGIN
  UPDATE workspaces SET used_entries = used_entries + NEW.entries WHERE id = NEW.workspace_id;
END;

CREATE TRIGGER IF NOT EXISTS entries_of_artifact_end AFTER DELETE ON artifacts
BEGIN
  UPDATE workspaces SET used_entries = used_entries - OLD.entries WHERE id = OLD.workspace_id;
END;

CREATE TRIGGER IF NOT EXISTS entries_of_artifact_change AFTER UPDATE OF deleted_at ON artifacts WHEN NEW.entries <> OLD.entries
BEGIN
  UPDATE workspaces SET used_entries = used_entries - OLD.entries + NEW.entries WHERE id = NEW.workspace_id;
END;

-- What counts by way of the artifact goes before it; the foreign keys would take it afterwards.
CREATE TRIGGER IF NOT EXISTS entries_of_artifact_go BEFORE DELETE ON artifacts
BEGIN
  DELETE FROM artifact_metadata WHERE artifact_id = OLD.id;
  DELETE FROM relations WHERE artifact_id = OLD.id;
END;

CREATE TRIGGER IF NOT EXISTS events_of_tombstone AFTER UPDATE OF deleted_at ON artifacts
WHEN NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL
BEGIN
  DELETE FROM events WHERE artifact_id = NEW.id
    AND number <= (SELECT max(number) FROM events WHERE artifact_id = NEW.id) - 10;
END;

CREATE TRIGGER IF NOT EXISTS entries_of_note_begin AFTER INSERT ON artifact_metadata
BEGIN
  UPDATE workspaces SET used_entries = used_entries + NEW.entries WHERE id = (SELECT workspace_id FROM artifacts WHERE id = NEW.artifact_id);
END;

CREATE TRIGGER IF NOT EXISTS entries_of_note_end AFTER DELETE ON artifact_metadata
BEGIN
  UPDATE workspaces SET used_entries = used_entries - OLD.entries WHERE id = (SELECT workspace_id FROM artifacts WHERE id = OLD.artifact_id);
END;

CREATE TRIGGER IF NOT EXISTS entries_of_note_change AFTER UPDATE OF value ON artifact_metadata WHEN NEW.entries <> OLD.entries
BEGIN
  UPDATE workspaces SET used_entries = used_entries - OLD.entries + NEW.entries WHERE id = (SELECT workspace_id FROM artifacts WHERE id = NEW.artifact_id);
END;

CREATE TRIGGER IF NOT EXISTS entries_of_workspace_note_begin AFTER INSERT ON workspace_metadata
BEGIN
  UPDATE workspaces SET used_entries = used_entries + NEW.entries WHERE id = NEW.workspace_id;
END;

CREATE TRIGGER IF NOT EXISTS entries_of_workspace_note_end AFTER DELETE ON workspace_metadata
BEGIN
  UPDATE workspaces SET used_entries = used_entries - OLD.entries WHERE id = OLD.workspace_id;
END;

CREATE TRIGGER IF NOT EXISTS entries_of_workspace_note_change AFTER UPDATE OF value ON workspace_metadata WHEN NEW.entries <> OLD.entries
BEGIN
  UPDATE workspaces SET used_entries = used_entries - OLD.entries + NEW.entries WHERE id = NEW.workspace_id;
END;

CREATE TRIGGER IF NOT EXISTS entries_of_blob_note_begin AFTER INSERT ON blob_metadata
BEGIN
  UPDATE workspaces SET used_entries = used_entries + NEW.entries WHERE id = NEW.workspace_id;
END;

CREATE TRIGGER IF NOT EXISTS entries_of_blob_note_end AFTER DELETE ON blob_metadata
BEGIN
  UPDATE workspaces SET used_entries = used_entries - OLD.entries WHERE id = OLD.workspace_id;
END;

CREATE TRIGGER IF NOT EXISTS entries_of_blob_note_change AFTER UPDATE OF value ON blob_metadata WHEN NEW.entries <> OLD.entries
BEGIN
  UPDATE workspaces SET used_entries = used_entries - OLD.entries + NEW.entries WHERE id = NEW.workspace_id;
END;

CREATE TRIGGER IF NOT EXISTS entries_of_relation_begin AFTER INSERT ON relations
BEGIN
  UPDATE workspaces SET used_entries = used_entries + 1 WHERE id = (SELECT workspace_id FROM artifacts WHERE id = NEW.artifact_id);
END;

CREATE TRIGGER IF NOT EXISTS entries_of_relation_end AFTER DELETE ON relations
BEGIN
  UPDATE workspaces SET used_entries = used_entries - 1 WHERE id = (SELECT workspace_id FROM artifacts WHERE id = OLD.artifact_id);
END;

CREATE TRIGGER IF NOT EXISTS entries_of_trust_begin AFTER INSERT ON trusts
BEGIN
  UPDATE workspaces SET used_entries = used_entries + 1 WHERE id = NEW.workspace_id;
END;

CREATE TRIGGER IF NOT EXISTS entries_of_trust_end AFTER DELETE ON trusts
BEGIN
  UPDATE workspaces SET used_entries = used_entries - 1 WHERE id = OLD.workspace_id;
END;

CREATE TRIGGER IF NOT EXISTS entries_of_conversion_begin AFTER INSERT ON conversions WHEN NEW.workspace_id IS NOT NULL
BEGIN
  UPDATE workspaces SET used_entries = used_entries + 1 WHERE id = NEW.workspace_id;
END;

CREATE TRIGGER IF NOT EXISTS entries_of_conversion_end AFTER DELETE ON conversions WHEN OLD.workspace_id IS NOT NULL
BEGIN
  UPDATE workspaces SET used_entries = used_entries - 1 WHERE id = OLD.workspace_id;
END;

-- R2 objects that no version names any more; the sweep deletes them after a grace.
CREATE TABLE IF NOT EXISTS garbage (
  key TEXT PRIMARY KEY,
  since INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS garbage_by_age ON garbage (since);

-- What the sweeps did, in one row; the sums are over all that ended.
CREATE TABLE IF NOT EXISTS sweeps (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  began_at INTEGER NOT NULL,            -- when one last began
  ended_at INTEGER,                     -- when one last ended; NULL before the first did
  runs INTEGER NOT NULL DEFAULT 0,
  uploads_expired INTEGER NOT NULL DEFAULT 0,
  versions_removed INTEGER NOT NULL DEFAULT 0,
  objects_deleted INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  last_failures INTEGER NOT NULL DEFAULT 0
);

-- Room that a database without a free page still has for the sweep (src/catalog/upkeep/reserve.ts); no row while it is used.
CREATE TABLE IF NOT EXISTS reserve (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  room BLOB NOT NULL                    -- zeros
);

-- Who did what, from where: rows are added, never changed, and go into objects of R2 (audit_objects), or by their age
-- (AUDIT_DAYS, at least 30).
CREATE TABLE IF NOT EXISTS audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  request_id TEXT,                      -- NULL: no request did it, but time
  network TEXT,                         -- the client's, NULL likewise
  actor TEXT NOT NULL,                  -- as in events
  action TEXT NOT NULL,                 -- such as 'artifact deleted'
  workspace_id INTEGER,                 -- NULL: it concerns none. No reference: rows outlive what they tell of
  workspace TEXT,                       -- its name then
  subject TEXT,                         -- what it was done to: an artifact's uuid, a name of a key, user or workspace
  detail TEXT NOT NULL,                 -- JSON object
  -- Whose rows are counted together: a workspace with all its keys is one, as '<workspace>/', a user another.
  caller TEXT GENERATED ALWAYS AS (iif(instr(actor, '/') > 0, substr(actor, 1, instr(actor, '/')), actor)) VIRTUAL
);

CREATE INDEX IF NOT EXISTS audit_by_age ON audit (at);
CREATE INDEX IF NOT EXISTS audit_by_workspace ON audit (workspace, at);

-- How many rows about a workspace each caller has caused on its last day, of UTC. Those beyond `most` are not listed but
-- counted, in one row of the audit: 'not listed'.
CREATE TABLE IF NOT EXISTS audit_days (
  caller TEXT NOT NULL,                 -- as in audit
  workspace TEXT NOT NULL,              -- likewise; '' for none
  day INTEGER NOT NULL,                 -- since 1970
  caused INTEGER NOT NULL,
  most INTEGER NOT NULL,                -- less for a workspace of few entries
  counted_by INTEGER,                   -- the row of the audit that counts the rest
  PRIMARY KEY (caller, workspace)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS audit_days_by_age ON audit_days (day);

-- Whoever has the key of `system` may fill the audit: it is theirs.
CREATE TRIGGER IF NOT EXISTS audit_is_bounded BEFORE INSERT ON audit
WHEN NEW.action <> 'not listed' AND NEW.actor NOT GLOB 'system/*'
BEGIN
  INSERT INTO audit_days (caller, workspace, day, caused, most)
  VALUES (NEW.caller, coalesce(NEW.workspace, ''), NEW.at / 86400000, 1,
    coalesce((SELECT max(500, min(10000, entry_limit)) FROM workspaces WHERE id = NEW.workspace_id), 10000))
  ON CONFLICT (caller, workspace) DO UPDATE SET day = max(day, excluded.day), most = excluded.most,
    caused = iif(excluded.day > day, 1, caused + 1), counted_by = iif(excluded.day > day, NULL, counted_by);
  INSERT INTO audit (id, at, actor, action, workspace_id, workspace, detail)
  SELECT counted_by, NEW.at, NEW.actor, 'not listed', NEW.workspace_id, NEW.workspace, json_object('rows', 1)
  FROM audit_days WHERE caller = NEW.caller AND workspace = coalesce(NEW.workspace, '') AND caused > most
  ON CONFLICT (id) DO UPDATE SET detail = json_object('rows', (detail ->> 'rows') + 1);
  UPDATE audit_days SET counted_by = (SELECT max(id) FROM audit)
  WHERE caller = NEW.caller AND workspace = coalesce(NEW.workspace, '') AND caused > most AND counted_by IS NULL;
  SELECT RAISE(IGNORE) FROM audit_days WHERE caller = NEW.caller AND workspace = coalesce(NEW.workspace, '') AND caused > most;
END;

CREATE TRIGGER IF NOT EXISTS audit_is_not_changed BEFORE UPDATE ON audit
WHEN OLD.action <> 'not listed' OR (NEW.detail ->> 'rows') <= (OLD.detail ->> 'rows')
  OR (NEW.id, NEW.at, NEW.actor, NEW.action, NEW.workspace_id, NEW.workspace)
    IS NOT (OLD.id, OLD.at, OLD.actor, OLD.action, OLD.workspace_id, OLD.workspace)
BEGIN
  SELECT RAISE(ABORT, 'rows of audit are not changed');
END;

-- Rows of the audit that are in R2: an object holds all that were in the table from its first to its last, in the order of
-- time. Each names the one before by its hash, so that one that is missing or changed shows.
CREATE TABLE IF NOT EXISTS audit_objects (
  number INTEGER PRIMARY KEY AUTOINCREMENT, -- 1, 2, ... without a gap; the oldest are missing once they expired
  key TEXT NOT NULL UNIQUE,             -- audit/<day>/<uuid>
  size INTEGER NOT NULL,                -- its bytes in R2
  sha256 TEXT NOT NULL,                 -- of those bytes
  previous TEXT NOT NULL,               -- the sha256 of the object before, which its first line repeats; '' of the first
  rows INTEGER NOT NULL,
  first_at INTEGER NOT NULL,            -- the time and id of its first row, and of its last
  first_id INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  last_id INTEGER NOT NULL,
  highest_id INTEGER NOT NULL           -- a row of a higher id came later and is not in there, whatever its time
);

CREATE UNIQUE INDEX IF NOT EXISTS audit_objects_by_age ON audit_objects (first_at, first_id);

CREATE TRIGGER IF NOT EXISTS audit_objects_are_not_changed BEFORE UPDATE ON audit_objects
BEGIN
  SELECT RAISE(ABORT, 'objects of the audit are not changed');
END;

CREATE TRIGGER IF NOT EXISTS audit_objects_are_kept BEFORE DELETE ON audit_objects
WHEN OLD.last_at > (unixepoch() - 30 * 86400) * 1000
BEGIN
  SELECT RAISE(ABORT, 'objects of the audit are kept for 30 days');
END;

CREATE TRIGGER IF NOT EXISTS audit_is_kept BEFORE DELETE ON audit
WHEN OLD.at > (unixepoch() - 30 * 86400) * 1000 AND NOT EXISTS (
  SELECT 1 FROM (
    SELECT last_at, last_id, highest_id FROM audit_objects WHERE (first_at, first_id) <= (OLD.at, OLD.id)
    ORDER BY first_at DESC, first_id DESC LIMIT 1)
  WHERE (last_at, last_id) >= (OLD.at, OLD.id) AND highest_id >= OLD.id)
BEGIN
  SELECT RAISE(ABORT, 'rows of audit are kept for 30 days');
END;

-- What happens to an artifact is in the audit because it is an event: in the same transaction, wherever it is done.
CREATE TRIGGER IF NOT EXISTS events_are_audited AFTER INSERT ON events
WHEN NEW.type <> 'status' OR NEW.message = 'artifact expired'
BEGIN
  INSERT INTO audit (at, request_id, network, actor, action, workspace_id, workspace, subject, detail)
  SELECT NEW.at, NEW.request_id, NEW.network, NEW.actor, NEW.message, a.workspace_id, w.name, a.uuid,
    json_set(NEW.extra, '$.type', a.type, '$.name', a.name)
  FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id WHERE a.id = NEW.artifact_id;
END;

-- The last file of a declared version seals it. The row names who declared it: any of those who bring files may end it.
CREATE TRIGGER IF NOT EXISTS seals_are_audited AFTER UPDATE OF sealed_at ON versions
WHEN OLD.sealed_at IS NULL AND NEW.sealed_at IS NOT NULL AND OLD.deleted_at IS NULL
BEGIN
  INSERT INTO audit (at, request_id, network, actor, action, workspace_id, workspace, subject, detail)
  SELECT NEW.sealed_at, e.request_id, e.network, e.actor, 'version sealed', a.workspace_id, w.name, a.uuid,
    json_object('index', NEW.version_index, 'type', a.type, 'name', a.name)
  FROM artifacts a JOIN workspaces w ON w.id = a.workspace_id JOIN events e ON e.artifact_id = a.id
  WHERE a.id = NEW.artifact_id AND e.type = 'audit' ORDER BY e.number DESC LIMIT 1;
END;
