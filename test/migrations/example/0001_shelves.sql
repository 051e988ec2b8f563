-- A small store of its own, for the tests of migrations.
CREATE TABLE schema_version (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  applied_at INTEGER NOT NULL
);

CREATE TABLE shelves (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE INDEX shelves_by_name ON shelves (name);

CREATE TABLE boxes (
  id INTEGER PRIMARY KEY,
  shelf_id INTEGER NOT NULL REFERENCES shelves (id) ON DELETE CASCADE,
  weight INTEGER NOT NULL
);

INSERT INTO shelves (name) VALUES ('a;b'), ('c');
INSERT INTO boxes (shelf_id, weight) VALUES (1, 5), (1, 7), (2, 11);
