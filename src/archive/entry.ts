// What an archive is made of, for whoever lists the members and whoever writes the format.

/** One member of an archive: what its header says and where its bytes come from. */
export interface ArchiveEntry {
  /** Relative, 1 to 1,000 bytes of UTF-8, no empty, `.` or `..` segment. */
  path: string;
  size: number;
  /** Milliseconds. */
  modifiedAt: number;
  /**
   * Opens the bytes as a byte stream, which whoever called reads to its end or cancels. Exactly
   * `size` bytes follow, or the stream errors.
   */
  open(): Promise<ReadableStream<Uint8Array>>;
}

/** What a header says of an entry; known without opening it. */
export type EntryHead = Omit<ArchiveEntry, "open">;

/**
 * A run of archive bytes: bytes at hand, or a member's bytes still to be opened. Bytes at hand may
 * be shared between archives: readers copy them and never change or transfer them.
 */
export type ArchivePiece =
  | { kind: "bytes"; bytes: Uint8Array }
  | { kind: "member"; entry: ArchiveEntry };
