-- What the bare Worker cannot do without: where the bytes of a path are, and the entries that it lists or takes.
CREATE TABLE IF NOT EXISTS files (
  path TEXT PRIMARY KEY,
  key TEXT NOT NULL,
  size INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS entries (
  artifact TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  path TEXT NOT NULL,
  size INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  sha512 TEXT,
  PRIMARY KEY (artifact, ordinal)
) WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS entries_by_path ON entries (artifact, path);
