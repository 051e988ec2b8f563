import type { Beside } from "../archive/describe-member.ts";
import type { TarMember } from "../archive/tar-reader.ts";
import type { Checksums } from "../blobs/checksums.ts";

/** Something of an archive that is read whole: a member with the checksums of its bytes, or what has none. */
export type ReadEntry = ({ kind: "file" } & TarMember & Checksums) | Beside;

/** The same where the bytes are not known. */
export type NotedEntry = ({ kind: "file" } & Pick<TarMember, "path" | "size">) | Beside;
