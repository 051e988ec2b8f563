// How far the explosion of an archive has come, in rows of the upload object's own SQLite: the place in the
// archive, the hash state of the member there, and the members before it.

import { ArchiveProblem } from "../archive/archive-problem.ts";
import type { TarMember } from "../archive/tar-reader.ts";
import { TAR_BEGINNING } from "../archive/tar-walk.ts";
import type { TarMark } from "../archive/tar-walk.ts";
import type { Checksums } from "../blobs/checksums.ts";
import { slicesFor } from "../blobs/extents.ts";
import { formatOf, makeTables } from "../object-tables.ts";
import type { ObjectTables } from "../object-tables.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { ArchiveMember, Extent } from "../protocol/uploads.ts";
import type { Packing } from "./unpack.ts";

/** Made by begin(), as few uploads need them, and dropped by clear(). */
export const EXPLOSION_TABLES: ObjectTables = {
  home: "explosion",
  steps: [
    `
CREATE TABLE explosion (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  format INTEGER NOT NULL,
  artifact_uuid TEXT NOT NULL,
  mark TEXT NOT NULL,
  checksums BLOB,
  members INTEGER NOT NULL,
  work INTEGER NOT NULL,
  is_read INTEGER NOT NULL,
  is_published INTEGER NOT NULL,
  pack TEXT,
  refusal TEXT
);
CREATE TABLE members (
  path TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  start INTEGER NOT NULL,
  sha512 TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  crc32 TEXT NOT NULL
) WITHOUT ROWID;
`,
  ],
};

/** A member whose bytes are all read. */
export type ReadMember = TarMember & Checksums;

/** Why an archive is not exploded, and when its bytes may be read again: never, with more room, or at once, as it was not for
 * what is in it. */
export interface ExplodeRefusal {
  message: string;
  again: "never" | "with room" | "at once";
}

/** Where an explosion stands. */
export interface Explosion {
  artifactUuid: Uuid;
  mark: TarMark;
  /** The saved hash state of the member at the mark; null: the mark is between members. */
  checksums: Uint8Array | null;
  /** How many ended before the mark. */
  members: number;
  /** Units of work that it took, in all of its turns. */
  work: number;
  /** All members are known; with a pack: it goes on. */
  isRead: boolean;
  /** The catalog may name the archive's R2 objects. */
  isPublished: boolean;
  /** The upload that a compressed archive is unpacked into; null: this one is a plain tar. */
  pack: { uuid: Uuid; packing: Packing } | null;
  /** Why it failed: all that is left is to tell the catalog. */
  refusal: ExplodeRefusal | null;
}

/** What reading a piece of the archive came to. */
export interface ExplodeStep extends Pick<Explosion, "mark" | "checksums" | "isRead"> {
  members: readonly ReadMember[];
}

const BEGINNING = { mark: TAR_BEGINNING, checksums: null, isRead: false };

type Row = {
  artifact_uuid: string;
  mark: string;
  checksums: ArrayBuffer | null;
  members: number;
  work: number;
  is_read: number;
  is_published: number;
  pack: string | null;
  refusal: string | null;
};

type MemberRow = { [Column in "path" | keyof Checksums]: string } & { size: number; start: number };

export class ExplodeRows {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
  }

  /** The explosion under way, or null. */
  read(): Explosion | null {
    const known = this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'explosion'").toArray();
    if (known.length === 0) {
      return null;
    }
    const [row] = this.#sql.exec<Row>("SELECT * FROM explosion").toArray();
    if (row === undefined) {
      return null;
    }
    return {
      artifactUuid: row.artifact_uuid as Uuid, // written by begin(), from a Uuid
      mark: JSON.parse(row.mark) as TarMark, // written by begin() or advance()
      checksums: row.checksums && new Uint8Array(row.checksums),
      members: row.members,
      work: row.work,
      isRead: row.is_read === 1,
      isPublished: row.is_published === 1,
      pack: JSON.parse(row.pack ?? "null") as Explosion["pack"], // written by begin()
      refusal: JSON.parse(row.refusal ?? "null") as ExplodeRefusal | null, // written by refuse()
    };
  }

  begin(artifactUuid: Uuid, pack: Explosion["pack"]): void {
    this.#storage.transactionSync(() => {
      makeTables(this.#sql, EXPLOSION_TABLES);
      this.#sql.exec(
        `INSERT INTO explosion (id, format, artifact_uuid, mark, members, work, is_read, is_published, pack)
         VALUES (1, ?, ?, ?, 0, 0, 0, 0, ?)`,
        formatOf(EXPLOSION_TABLES),
        artifactUuid,
        JSON.stringify(BEGINNING.mark),
        pack && JSON.stringify(pack),
      );
    });
  }

  /** Notes a piece that was read, all of it or nothing. Throws an ArchiveProblem where a path is there twice, or
   * the members are too many. */
  advance({ mark, checksums, isRead, members }: ExplodeStep): void {
    this.#storage.transactionSync(() => {
      for (const member of members) {
        this.#add(member);
      }
      const { total } = this.#sql
        .exec<{ total: number }>(
          `UPDATE explosion SET mark = ?, checksums = ?, is_read = ?, members = members + ?
           RETURNING members AS total`,
          JSON.stringify(mark),
          checksums,
          isRead ? 1 : 0,
          members.length,
        )
        .one();
      if (total > LIMITS.archiveMembers) {
        const last = members.at(-1)?.path ?? null;
        throw new ArchiveProblem(last, `is behind the first ${LIMITS.archiveMembers} files`);
      }
    });
  }

  /** Notes how much work it took so far: a crash must not make it begin at nothing. */
  noteWork(units: number): void {
    this.#sql.exec("UPDATE explosion SET work = ?", units);
  }

  /** Notes members that are being unpacked, whose bytes are not known here; refuses like advance(). */
  note(members: readonly Pick<TarMember, "path" | "size">[]): void {
    const unknown = { offset: 0, sha512: "", sha256: "", crc32: "" };
    const noted = members.map(({ path, size }) => ({ path, size, ...unknown }));
    this.advance({ ...BEGINNING, members: noted });
  }

  /** Everything is unpacked, and the artifact names the pack. */
  handOver(): void {
    this.advance({ ...BEGINNING, isRead: true, members: [] });
  }

  /** Forgets what was noted: unpacking begins again. */
  forgetNotes(): void {
    this.#storage.transactionSync(() => {
      this.#sql.exec("DELETE FROM members");
      this.#sql.exec("UPDATE explosion SET members = 0");
    });
  }

  /** Notes why it fails, before anybody is told: what was refused is not read again after a crash. */
  refuse(refusal: ExplodeRefusal): void {
    this.#sql.exec("UPDATE explosion SET refusal = ?", JSON.stringify(refusal));
  }

  /** From now on the catalog may name the archive's R2 objects. */
  publish(): void {
    this.#sql.exec("UPDATE explosion SET is_published = 1");
  }

  /** Forgets the explosion. */
  clear(): void {
    this.#storage.transactionSync(() => {
      this.#sql.exec("DROP TABLE explosion");
      this.#sql.exec("DROP TABLE members");
    });
  }

  /** Looks for a path that is also a folder of another one, among `LIMITS.memberPage` paths behind `after`. Asked of the index, as
   * all paths together may be too much for memory. A slash is followed by a '0' in the order of bytes. Gives what it
   * found, and the last path that it looked at, or null behind the last. */
  findPathConflict(after: string): {
    conflict: { path: string; below: string } | null;
    last: string | null;
  } {
    const page = "SELECT path FROM members WHERE path > ?1 ORDER BY path LIMIT ?2";
    const [conflict = null] = this.#sql
      .exec<{ path: string; below: string }>(
        `SELECT m.path, k.path AS below FROM (${page}) m JOIN members k
           ON k.path > m.path || '/' AND k.path < m.path || '0' LIMIT 1`,
        after,
        LIMITS.memberPage,
      )
      .toArray();
    const { last } = this.#sql
      .exec<{ last: string | null }>(
        `SELECT max(path) AS last FROM (${page})`,
        after,
        LIMITS.memberPage,
      )
      .one();
    return { conflict, last };
  }

  /** @yields The members in the byte order of their paths, as parts of `archive`. */
  *members(archive: readonly Extent[]): Generator<ArchiveMember> {
    let after = "";
    for (;;) {
      const page = this.#sql
        .exec<MemberRow>(
          "SELECT * FROM members WHERE path > ? ORDER BY path LIMIT ?",
          after,
          LIMITS.memberPage,
        )
        .toArray();
      for (const { start, ...member } of page) {
        const slices = slicesFor(archive, start, start + member.size);
        const extents = slices.map(({ key, offset, length }) => ({ key, start: offset, length }));
        yield { ...member, extents };
      }
      const last = page.at(-1);
      if (last === undefined) {
        return;
      }
      after = last.path;
    }
  }

  #add({ path, size, offset, sha512, sha256, crc32 }: ReadMember): void {
    const { rowsWritten } = this.#sql.exec(
      `INSERT INTO members (path, size, start, sha512, sha256, crc32) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
      path,
      size,
      offset,
      sha512,
      sha256,
      crc32,
    );
    if (rowsWritten === 0) {
      throw new ArchiveProblem(path, "is there twice");
    }
  }
}
