// The state folder of a local server, read and written beside it: time passes there without waiting for it.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** More than the grace, and than the time after which an upload is idle. */
const AGE_MS = 2 * 24 * 3_600_000;

export class StateFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes garbage and deleted versions older, so that the next sweep takes them. The server may run. */
  ageDeleted(): void {
    this.#catalog((db) => {
      db.prepare("UPDATE garbage SET since = since - ?").run(AGE_MS);
      db.prepare("UPDATE versions SET deleted_at = deleted_at - ? WHERE deleted_at > 0").run(
        AGE_MS,
      );
    });
  }

  /** Makes uploads and incomplete versions idle: these, or all. The server must not run. */
  ageUploads(uuids: ReadonlySet<string> | null): void {
    const isAged = (uuid: string) => uuids === null || uuids.has(uuid);
    this.#catalog((db) => {
      const listed = db.prepare("SELECT uuid FROM uploads").all() as { uuid: string }[];
      const age = db.prepare(
        "UPDATE uploads SET last_append_at = last_append_at - ? WHERE uuid = ?",
      );
      listed.filter(({ uuid }) => isAged(uuid)).forEach(({ uuid }) => age.run(AGE_MS, uuid));
      if (uuids === null) {
        db.prepare("UPDATE versions SET progress_at = progress_at - ?").run(AGE_MS);
      }
    });
    this.#each(
      "do/stowage-UploadObject",
      (db) => {
        const [row] = db.prepare("SELECT uuid FROM upload").all() as { uuid: string }[];
        if (row !== undefined && isAged(row.uuid)) {
          db.prepare("UPDATE upload SET last_append_at = last_append_at - ?").run(AGE_MS);
        }
      },
      "upload",
    );
    if (uuids === null) {
      this.#each("do/stowage-DraftObject", ageDraft, "draft");
    }
  }

  /** Makes all objects in R2 older than what may be on its way: a check takes none for too young. The server must not run. */
  ageObjects(): void {
    this.#each(
      "r2/miniflare-R2BucketObject",
      (db) => db.prepare("UPDATE _mf_objects SET uploaded = uploaded - ?").run(AGE_MS),
      "_mf_objects",
    );
  }

  /** Keys in R2, and how many multipart uploads are open there. */
  r2(): { keys: string[]; openMultiparts: number } {
    let [keys, openMultiparts]: [string[], number] = [[], 0];
    this.#each(
      "r2/miniflare-R2BucketObject",
      (db) => {
        keys = (db.prepare("SELECT key FROM _mf_objects").all() as { key: string }[]).map(
          ({ key }) => key,
        );
        const open = "SELECT count(*) AS n FROM _mf_multipart_uploads WHERE state = 0";
        ({ n: openMultiparts } = db.prepare(open).get() as { n: number });
      },
      "_mf_objects",
    );
    return { keys, openMultiparts };
  }

  /** Rows of the catalog. */
  rows<T>(statement: string): T[] {
    let found: T[] = [];
    this.#catalog((db) => {
      found = db.prepare(statement).all() as T[];
    });
    return found;
  }

  #catalog(use: (db: DatabaseSync) => void): void {
    this.#each("d1/miniflare-D1DatabaseObject", use, "workspaces");
  }

  /** Opens each database of a kind that has a table. */
  #each(kind: string, use: (db: DatabaseSync) => void, table: string): void {
    const folder = join(this.#folder, "v3", kind);
    for (const name of readdirSync(folder).filter((file) => file.endsWith(".sqlite"))) {
      const db = new DatabaseSync(join(folder, name), { timeout: 5_000 });
      try {
        const has = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?");
        if (has.get(table) !== undefined) {
          use(db);
        }
      } finally {
        db.close();
      }
    }
  }
}

/** Lets time pass for a draft. */
function ageDraft(db: DatabaseSync): void {
  db.prepare("UPDATE draft SET opened_at = opened_at - ?").run(AGE_MS);
  db.prepare("UPDATE places SET at = at - ?").run(AGE_MS);
}
