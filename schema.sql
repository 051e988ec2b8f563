-- The catalog: the only truth about what exists and who may see it. Applying this file twice is harmless.
-- Times are integer milliseconds, sizes integer bytes below 2^53, hashes lower-case hex text.
-- docs/storage.md says who writes and who reads each table.

CREATE TABLE IF NOT EXISTS workspaces (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- ids are never used again: uploads remember theirs
  name TEXT NOT NULL UNIQUE,
  public INTEGER NOT NULL DEFAULT 0,    -- 1: anyone may read
  quota_bytes INTEGER,                  -- NULL: no limit
  default_expiration_days INTEGER,      -- NULL: artifacts stay
  created_at INTEGER NOT NULL
);

CREATE INDEX IF NOT EXISTS workspaces_by_public ON workspaces (name) WHERE public = 1;

-- The workspace that administers all. Its key is the secret SYSTEM_KEY, not a row of workspace_keys.
INSERT INTO workspaces (name, created_at)
SELECT 'system', unixepoch() * 1000
WHERE NOT EXISTS (SELECT 1 FROM workspaces WHERE name = 'system');

CREATE TABLE IF NOT EXISTS workspace_keys (
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  secret_hash TEXT NOT NULL,            -- scrypt, or sha256 for a secret that we drew
  nonce TEXT NOT NULL,                  -- carried by every token; a changed key changes it, which ends them
  created_at INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, name)
) WITHOUT ROWID;

-- workspace_id lets trusted_id read its artifacts.
CREATE TABLE IF NOT EXISTS trusts (
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  trusted_id INTEGER NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  PRIMARY KEY (workspace_id, trusted_id)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS trusts_by_trusted ON trusts (trusted_id);

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

CREATE INDEX IF NOT EXISTS members_by_user ON members (user_id);

CREATE TABLE IF NOT EXISTS tokens (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('user', 'worker')),
  user_id INTEGER REFERENCES users (id) ON DELETE CASCADE, -- NULL for a worker
  token_hash TEXT NOT NULL UNIQUE,      -- SHA-256 of the token, which is not kept
  label TEXT NOT NULL,
  enabled INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,                   -- NULL: does not expire
  CHECK ((kind = 'user') = (user_id IS NOT NULL))
);

CREATE INDEX IF NOT EXISTS tokens_by_user ON tokens (user_id);

-- Uploads that have not become a version yet. The bytes and their state are in the upload object of the same uuid.
CREATE TABLE IF NOT EXISTS uploads (
  uuid TEXT PRIMARY KEY,
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
  created_at INTEGER NOT NULL,
  last_append_at INTEGER NOT NULL       -- at most an hour behind what the object knows
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS uploads_by_last_append ON uploads (last_append_at);
CREATE INDEX IF NOT EXISTS uploads_by_workspace ON uploads (workspace_id);

CREATE TABLE IF NOT EXISTS artifacts (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- the $ARTIFACT_ID of /a/
  uuid TEXT NOT NULL UNIQUE,
  workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
  type TEXT NOT NULL,                   -- Shaken Fist: image, snapshot, label, other
  source_url TEXT NOT NULL,
  name TEXT NOT NULL,
  shared INTEGER NOT NULL DEFAULT 0,    -- 1: readable by all; only for the workspace system
  max_versions INTEGER NOT NULL,        -- 0 keeps all
  highest_index INTEGER NOT NULL DEFAULT 0, -- the last version index given out; never used again
  created_at INTEGER NOT NULL,
  expires_at INTEGER,                   -- NULL: stays. Past it the artifact is gone, swept or not
  deleted_at INTEGER                    -- NULL: living
);

CREATE UNIQUE INDEX IF NOT EXISTS artifacts_by_identity
  ON artifacts (workspace_id, type, source_url) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS artifacts_by_workspace ON artifacts (workspace_id);
CREATE INDEX IF NOT EXISTS artifacts_by_name ON artifacts (name, workspace_id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS artifacts_by_workspace_name
  ON artifacts (workspace_id, name COLLATE NOCASE, id) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS artifacts_by_expiry
  ON artifacts (expires_at) WHERE deleted_at IS NULL AND expires_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS versions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  artifact_id INTEGER NOT NULL REFERENCES artifacts (id),
  version_index INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  deleted_at INTEGER,                   -- NULL: living. Its rows go with the sweep, after a grace
  UNIQUE (artifact_id, version_index)
);

CREATE INDEX IF NOT EXISTS versions_by_deletion ON versions (deleted_at) WHERE deleted_at IS NOT NULL;

-- Immutable bytes. A blob is live while a row of files points at it; no count is stored.
CREATE TABLE IF NOT EXISTS blobs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid TEXT NOT NULL UNIQUE,
  size INTEGER NOT NULL,
  sha512 TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  crc32 TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (sha512, size)
);

-- Where a blob's bytes are: runs of R2 objects, in order. An empty blob has none.
CREATE TABLE IF NOT EXISTS extents (
  blob_id INTEGER NOT NULL REFERENCES blobs (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,            -- 0, 1, 2, ...
  key TEXT NOT NULL,                    -- the R2 object
  start INTEGER NOT NULL,               -- where in the object the run begins
  length INTEGER NOT NULL,
  PRIMARY KEY (blob_id, position)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS extents_by_key ON extents (key);

-- The entries of a version (its files and its folders) are numbered together from 1 in byte order of their
-- path, a folder's path ending in a slash. A folder's entries are then the run that follows its own ordinal.
CREATE TABLE IF NOT EXISTS files (
  version_id INTEGER NOT NULL REFERENCES versions (id),
  ordinal INTEGER NOT NULL,
  path TEXT NOT NULL,                   -- no slash at either end
  blob_id INTEGER NOT NULL REFERENCES blobs (id),
  PRIMARY KEY (version_id, ordinal)
) WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS files_by_path ON files (version_id, path);
CREATE INDEX IF NOT EXISTS files_by_blob ON files (blob_id);

CREATE TABLE IF NOT EXISTS folders (
  version_id INTEGER NOT NULL REFERENCES versions (id),
  ordinal INTEGER NOT NULL,             -- 0 for the root
  path TEXT NOT NULL,                   -- ends in a slash; '' for the root
  entry_count INTEGER NOT NULL,         -- files and folders below, at any depth
  file_count INTEGER NOT NULL,
  total_bytes INTEGER NOT NULL,
  PRIMARY KEY (version_id, ordinal)
) WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS folders_by_path ON folders (version_id, path);

-- One row an upload that was converted: a second conversion of the same upload fails on the key.
CREATE TABLE IF NOT EXISTS conversions (
  upload_uuid TEXT PRIMARY KEY,
  artifact_id INTEGER NOT NULL,
  version_index INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS conversions_by_age ON conversions (created_at);

-- R2 objects that no extent names any more; the sweep deletes them after a grace.
CREATE TABLE IF NOT EXISTS garbage (
  key TEXT PRIMARY KEY,
  since INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS garbage_by_age ON garbage (since);
