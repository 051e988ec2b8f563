// How far the explosion of an archive has come, in rows of the upload object's own SQLite: the place in the
// archive, the hash state of the member there, and the members before it.

import { ArchiveProblem } from "../archive/archive-problem.ts";
import type { Beside } from "../archive/describe-member.ts";
import { TAR_BEGINNING } from "../archive/tar-walk.ts";
import type { TarMark } from "../archive/tar-walk.ts";
import { BOUNDS, HASHES } from "../manifest/format.ts";
import { Members, MEMBERS_CHUNK, MemberWriter } from "../manifest/members.ts";
import type { NewFile } from "../manifest/members.ts";
import { formatOf, makeTables } from "../object-tables.ts";
import type { ObjectTables } from "../object-tables.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Extent } from "../protocol/uploads.ts";
import { memberExtents } from "./member-extents.ts";
import { NotedLeftOut } from "./noted-left-out.ts";
import type { NotedEntry, ReadEntry } from "./read-entry.ts";
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
  n INTEGER PRIMARY KEY, -- in the order in which they came
  records BLOB NOT NULL  -- of src/manifest/members.ts
);
`,
    `
ALTER TABLE explosion ADD COLUMN links INTEGER NOT NULL DEFAULT 0; -- among the members
ALTER TABLE explosion ADD COLUMN left_out TEXT;
`,
  ],
};

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
  pack: { uuid: Uuid; packing: Packing; revision?: number } | null;
  /** Why it failed: all that is left is to tell the catalog. */
  refusal: ExplodeRefusal | null;
}

/** What reading a piece of the archive came to. `archive` is where its bytes are. */
export interface ExplodeStep extends Pick<Explosion, "mark" | "checksums" | "isRead"> {
  entries: readonly ReadEntry[];
  archive: readonly Extent[];
}

/** What is not known of a member that is being unpacked. */
const UNKNOWN = {
  type: null,
  isExecutable: false,
  modifiedAt: null,
  linkTarget: null,
  crc32: 0,
  sha256: new Uint8Array(HASHES.sha256),
  sha512: new Uint8Array(HASHES.sha512),
};

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

  /** Notes a piece that was read, all of it or nothing. Throws an ArchiveProblem where the members are too many. */
  advance({ mark, checksums, isRead, entries, archive }: ExplodeStep): void {
    const writer = new MemberWriter(keysOf(archive));
    for (const entry of entries) {
      if (entry.kind === "file") {
        writer.addFile(toNewFile(entry, archive));
      } else {
        addBeside(writer, entry);
      }
    }
    this.#storage.transactionSync(() => {
      this.#sql.exec(
        "UPDATE explosion SET mark = ?, checksums = ?, is_read = ?",
        JSON.stringify(mark),
        checksums,
        isRead ? 1 : 0,
      );
      this.#add(writer, entries);
    });
  }

  /** Notes how much work it took so far: a crash must not make it begin at nothing. */
  noteWork(units: number): void {
    this.#sql.exec("UPDATE explosion SET work = ?", units);
  }

  /** Notes members that are being unpacked, whose bytes are not known here; refuses like advance(). */
  note(entries: readonly NotedEntry[]): void {
    const writer = new MemberWriter();
    for (const entry of entries) {
      if (entry.kind === "file") {
        const { path, size } = entry;
        const zeros = { key: null, start: 0, length: size } as const;
        writer.addFile({ ...UNKNOWN, path, size, extents: size === 0 ? [] : [zeros] });
      } else {
        addBeside(writer, entry);
      }
    }
    this.#storage.transactionSync(() => this.#add(writer, entries));
  }

  /** Notes what is known of the pack. */
  notePack(pack: NonNullable<Explosion["pack"]>): void {
    this.#sql.exec("UPDATE explosion SET pack = ?", JSON.stringify(pack));
  }

  /** Everything is unpacked, and the artifact names the pack. */
  handOver(): void {
    this.#sql.exec("UPDATE explosion SET is_read = 1");
  }

  /** Forgets what was noted: unpacking begins again. */
  forgetNotes(): void {
    this.#storage.transactionSync(() => {
      this.#sql.exec("DELETE FROM members");
      this.#sql.exec("UPDATE explosion SET members = 0, links = 0, left_out = NULL");
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

  /** Bytes of memory that the members take, at most, while they become a manifest. */
  get weight(): number {
    return 2 * (this.#recordBytes + this.linkBytes);
  }

  /** Bytes that the records of files may take that links become. */
  get linkBytes(): number {
    const { links } = this.#sql.exec<{ links: number }>("SELECT links FROM explosion").one();
    return links * LIMITS.linkRecord;
  }

  get #recordBytes(): number {
    return this.#sql
      .exec<{ bytes: number }>("SELECT coalesce(sum(length(records)), 0) AS bytes FROM members")
      .one().bytes;
  }

  /** What is left out so far, but for links. */
  leftOut(): NotedLeftOut {
    const { noted } = this.#sql
      .exec<{ noted: string | null }>("SELECT left_out AS noted FROM explosion")
      .one();
    return NotedLeftOut.parse(noted);
  }

  /** The members so far, as parts of `archive`. */
  members(archive: readonly Extent[]): Members {
    const chunks: Uint8Array[] = [];
    let [chunk, filled] = [new Uint8Array(), 0];
    for (const { records } of this.#sql.exec<{ records: ArrayBuffer }>(
      "SELECT records FROM members ORDER BY n",
    )) {
      if (filled + records.byteLength > chunk.length) {
        chunks.push(chunk.subarray(0, filled));
        [chunk, filled] = [new Uint8Array(MEMBERS_CHUNK), 0];
      }
      chunk.set(new Uint8Array(records), filled);
      filled += records.byteLength;
    }
    return new Members([...chunks, chunk.subarray(0, filled)], keysOf(archive));
  }

  #add(writer: MemberWriter, entries: readonly NotedEntry[]): void {
    for (const records of writer.takeChunks()) {
      this.#sql.exec("INSERT INTO members (records) VALUES (?)", records);
    }
    this.#noteLeftOut(entries);
    const links = entries.filter(({ kind }) => kind === "link").length;
    const files = entries.filter(({ kind }) => kind === "file").length;
    const { total } = this.#sql
      .exec<{ total: number }>(
        "UPDATE explosion SET members = members + ?, links = links + ? RETURNING members AS total",
        files + links,
        links,
      )
      .one();
    if (total > LIMITS.archiveMembers) {
      const last = entries.findLast((entry) => entry.kind !== "left out")?.path ?? null;
      throw new ArchiveProblem(last, `is behind the first ${LIMITS.archiveMembers} files`);
    }
    if (this.#recordBytes > LIMITS.archiveRecords) {
      const most = LIMITS.archiveRecords / 1024 ** 2;
      throw new ArchiveProblem(null, `the paths and checksums of its files take over ${most} MiB`);
    }
  }

  #noteLeftOut(entries: readonly NotedEntry[]): void {
    const added = entries.filter((entry) => entry.kind === "left out");
    if (added.length > 0) {
      const noted = this.leftOut();
      added.forEach(({ name, reason }) => noted.add(name, reason));
      this.#sql.exec("UPDATE explosion SET left_out = ?", noted.toText());
    }
  }
}

function toNewFile(member: ReadEntry & { kind: "file" }, archive: readonly Extent[]): NewFile {
  const { path, size, sha512, sha256, crc32, isExecutable, modifiedAt } = member;
  const time = modifiedAt ?? NaN;
  return {
    type: null,
    // A mark that older code made does not have it.
    isExecutable: isExecutable ?? false,
    modifiedAt: time >= BOUNDS.earliest && time <= BOUNDS.latest ? time : null,
    linkTarget: null,
    path,
    size,
    crc32: Number.parseInt(crc32, 16),
    sha256: Uint8Array.fromHex(sha256),
    sha512: Uint8Array.fromHex(sha512),
    extents: [...memberExtents(member, archive)],
  };
}

function addBeside(writer: MemberWriter, beside: Beside): void {
  switch (beside.kind) {
    case "folder":
      writer.addFolder(beside.path);
      return;
    case "link":
      writer.addAlias(beside);
      return;
    case "left out": // noted by name alone
  }
}

function keysOf(archive: readonly Extent[]): string[] {
  return archive.map(({ key }) => key);
}
