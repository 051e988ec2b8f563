// Why an archive that somebody uploaded cannot be unpacked: always the archive's fault, never ours.

/** Counts the changes of what these readers refuse: bytes that an older one refused are read again. */
export const READER_REVISION = 2;

/** Characters of a member's name that a message repeats. */
const NAME_SHOWN = 200;

/** Thrown by the readers of archives; the message is for whoever made the archive. */
export class ArchiveProblem extends Error {
  override readonly name = "ArchiveProblem";

  /** `member` is the path as the archive has it, or null where the archive as a whole is meant. */
  constructor(member: string | null, what: string) {
    super(member === null ? what : `${quote(member)} ${what}`);
  }
}

/** A name that may be hostile, as one line of bounded length. */
function quote(name: string): string {
  const plain = name.toWellFormed().replaceAll(/\p{Cc}/gu, "\uFFFD");
  return plain.length > NAME_SHOWN ? `'${plain.slice(0, NAME_SHOWN)}…'` : `'${plain}'`;
}
