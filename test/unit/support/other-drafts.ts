// The binding DRAFTS for tests of who asks drafts: what a draft says, a test says.

import { env } from "cloudflare:workers";

import type { DraftInspection } from "../../../src/drafts/draft-object.ts";
import type { Uuid } from "../../../src/protocol/ids.ts";
import type { ExpiryReply } from "../../../src/protocol/uploads.ts";

/** What a draft has; `lastAppendAt` is when it got its last file. */
export interface OtherDraft {
  lastAppendAt: number;
  missing: number;
  nextPack: number;
  /** Does it not answer? */
  isDown?: boolean;
}

/** The Worker's env with drafts that are none of its objects; those that are dropped or expire are deleted. */
export function withDrafts(drafts: Map<Uuid, OtherDraft>): Env {
  const getByName = (uuid: Uuid) => {
    const find = () => {
      const draft = drafts.get(uuid);
      if (draft?.isDown === true) {
        throw new Error("Network connection lost.");
      }
      return draft;
    };
    return {
      expire: async (idleBefore: number): Promise<ExpiryReply> => {
        const draft = find();
        if (draft === undefined) {
          return { kind: "unknown" };
        }
        if (draft.lastAppendAt >= idleBefore) {
          return { kind: "kept", lastAppendAt: draft.lastAppendAt };
        }
        drafts.delete(uuid);
        return { kind: "expired" };
      },
      drop: async () => {
        find();
        drafts.delete(uuid);
      },
      inspect: async (): Promise<DraftInspection | null> => {
        const draft = find();
        return (
          (draft && {
            phase: "open",
            uuid,
            progressAt: draft.lastAppendAt,
            missing: draft.missing,
            nextPack: draft.nextPack,
          }) ??
          null
        );
      },
    };
  };
  return { ...env, DRAFTS: { getByName } as unknown as Env["DRAFTS"] };
}
