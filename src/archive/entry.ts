/** What an archive's header says of a member. */
export interface EntryHead {
  /** Relative, 1 to 1,000 bytes of UTF-8, no empty, `.` or `..` segment; a folder's ends in a slash. */
  path: string;
  size: number;
  /** Milliseconds. */
  modifiedAt: number;
  /** Absent: it is not. */
  isExecutable?: boolean;
  /** Absent: a file. */
  type?: "folder";
}
