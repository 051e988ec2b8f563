/** What an archive's header says of a member. */
export interface EntryHead {
  /** Relative, 1 to 1,000 bytes of UTF-8, no empty, `.` or `..` segment. */
  path: string;
  size: number;
  /** Milliseconds. */
  modifiedAt: number;
  /** Absent: it is not. */
  isExecutable?: boolean;
}
