import { completeMultipart, objectSize } from "../blobs/objects.ts";
import type { Tree } from "../manifest/tree.ts";
import type { Outcome } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import type {
  ArtifactIntent,
  ExplodeProgress,
  RefusedArchive,
  SealedArchive,
  SealResult,
  SealedUpload,
} from "../protocol/uploads.ts";
import type { Ledger } from "./ledger.ts";
import { openExtent } from "./state.ts";
import type { UploadExtent, UploadState } from "./state.ts";

/** The catalog, as an upload object needs it. */
export interface CatalogDesk {
  /** Makes the sealed upload a version; a repeat gives the result of the first. Refused when the workspace is
   * gone: the upload then stays as it is. */
  publish(sealed: SealedUpload): Promise<Outcome<{ result: SealResult }>>;
  /** Has the catalog made something of the upload? */
  isPublished(uuid: Uuid): Promise<boolean>;
  /** Notes when the upload last got a byte. */
  reportAppend(uuid: Uuid, at: number): Promise<void>;
  /** Notes why the upload's fetch was given up, and forgets the upload; a repeat changes nothing. */
  giveUp(uuid: Uuid, message: string): Promise<void>;
  /** Makes the artifact that the members of an archive are for, unless it lives; a repeat gives the same. An archive that was
   * refused before is refused at once. */
  beginExplode(
    uuid: Uuid,
    intent: ArtifactIntent,
    archive: Pick<RefusedArchive, "workspaceId" | "sha512">,
  ): Promise<Outcome<{ artifactUuid: Uuid }>>;
  /** Notes an upload that an archive is unpacked into, and gives its room; may be repeated. */
  openPack(uuid: Uuid, workspaceId: number): Promise<Outcome<{ room: number | null }>>;
  /** Notes how far an explosion has come, for whoever looks at its artifact. */
  reportExplode(uuid: Uuid, progress: ExplodeProgress): Promise<void>;
  /** Makes a pack the upload that is exploded into the artifact; may be repeated. False when that is gone. */
  handOver(uuid: Uuid, pack: Uuid, intent: ArtifactIntent): Promise<boolean>;
  /** May these members become a version? Changes nothing. */
  checkMembers(intent: ArtifactIntent, members: Tree): Promise<Outcome<object>>;
  /** Makes the members of an archive a version; a repeat gives the result of the first. After a refusal the
   * catalog may still name the archive's R2 objects. */
  publishMembers(archive: SealedArchive, members: Tree): Promise<Outcome<{ result: SealResult }>>;
  /** Notes why an archive cannot be exploded, and that its bytes need not be read again; a repeat changes nothing. */
  failExplode(
    uuid: Uuid,
    intent: ArtifactIntent,
    message: string,
    archive: RefusedArchive | null,
  ): Promise<void>;
  /** The same, and takes over the archive's R2 objects and forgets the upload. */
  abandonMembers(archive: SealedArchive, message: string): Promise<void>;
}

/** What every operation of one upload works on. Operations run one at a time. */
export interface UploadContext {
  ledger: Ledger;
  bucket: Env["BUCKET"];
  uploads: Env["UPLOADS"];
  desk: CatalogDesk;
  /** False after a start and after a failed R2 call: the answer to a completion may then be lost. */
  openExtentConfirmed: boolean;
  /** How this object names itself where it leases memory. */
  owner: string;
  /** How many bytes a body must bring within `LIMITS.bodyIdleContested`, as other operations wait for this one to end, or
   * others for its memory; 0: nobody does. */
  contestedFloor: () => number;
  /** Ends the append that runs, of which what arrived is kept; null: none does. */
  interrupt?: (() => void) | null;
}

/** The state of the upload that this object has; a caller without one is a bug. */
export function requireState(context: UploadContext): UploadState {
  const { state } = context.ledger;
  if (state === null) {
    throw new Error("Cannot work on an upload that was never opened");
  }
  return state;
}

/** The extent that takes parts, checked against R2 where an answer may be lost: a multipart upload that
 * turns out to be complete is closed. Null when there is none. */
export async function confirmOpenExtent(context: UploadContext): Promise<UploadExtent | null> {
  const { ledger, bucket } = context;
  const extent = openExtent(requireState(context));
  if (extent === null || context.openExtentConfirmed) {
    return extent;
  }
  const size = await objectSize(bucket, extent.key);
  context.openExtentConfirmed = true;
  if (size === null) {
    return extent;
  }
  if (size < extent.length) {
    throw new Error(`Object ${extent.key} has ${size} of ${extent.length} bytes`);
  }
  const { tailLength, phase } = requireState(context);
  // Only a seal completes with the tail as last part, and nothing is appended while it goes on.
  if (phase === "sealing" && size === extent.length + tailLength) {
    ledger.absorbTail(extent.n);
  } else {
    ledger.closeExtent(extent.n);
  }
  return null;
}

/** Completes the open extent, which then takes no more parts but can be read. It takes none either when the answer is
 * lost: a completion that takes effect late would leave out those that were added since. */
export async function completeExtent(context: UploadContext, extent: UploadExtent): Promise<void> {
  const { ledger, bucket } = context;
  const { key, multipart, length } = extent;
  if (multipart !== null) {
    ledger.parts.takeNumbers(extent.n, LIMITS.partNumbers);
    await completeMultipart(bucket, { key, id: multipart.id }, ledger.parts.list(extent.n), length);
    ledger.closeExtent(extent.n);
  }
}
