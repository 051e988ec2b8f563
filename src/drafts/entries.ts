import { cutExtents } from "../manifest/lists.ts";
import type {
  FileExtent,
  LeftOutMembers,
  OrdinalRange,
  VersionEntries,
  VersionEntry,
} from "../protocol/entries.ts";
import { AppError } from "../protocol/errors.ts";
import type { Uuid } from "../protocol/ids.ts";
import { LIMITS } from "../protocol/limits.ts";
import { callDraft } from "./call-draft.ts";
import type { DraftEntry } from "./draft-entries.ts";

/** The entries of a version that is being filled. They refuse when it is sealed, or ends, meanwhile. */
export function draftEntries(drafts: Env["DRAFTS"], uuid: Uuid): VersionEntries {
  return new DraftEntries(drafts, uuid);
}

class DraftEntries implements VersionEntries {
  readonly #drafts: Env["DRAFTS"];
  readonly #uuid: Uuid;

  constructor(drafts: Env["DRAFTS"], uuid: Uuid) {
    this.#drafts = drafts;
    this.#uuid = uuid;
  }

  async find(path: string): Promise<VersionEntry | null> {
    const entry = requireThere(
      await callDraft(this.#drafts, this.#uuid, async (draft) => draft.find(path)),
    );
    return entry && toVersionEntry(entry);
  }

  async page(first: number, last: number): Promise<VersionEntry[]> {
    const range = { after: first - 1, last };
    const entries = await callDraft(this.#drafts, this.#uuid, async (draft) =>
      draft.entries(range),
    );
    return requireThere(entries).map(toVersionEntry);
  }

  async *walk({ after, last }: OrdinalRange): AsyncGenerator<VersionEntry[]> {
    for (let from = after; from < last; from += LIMITS.draftPage) {
      const end = Math.min(from + LIMITS.draftPage, last);
      const entries = await this.page(from + 1, end);
      if (entries.length > 0) {
        yield entries;
      }
      if (entries.length < end - from) {
        return;
      }
    }
  }

  leftOut(): Promise<LeftOutMembers> {
    return Promise.resolve({ count: 0, named: [] });
  }

  async countMissing(range: OrdinalRange): Promise<number> {
    return requireThere(
      await callDraft(this.#drafts, this.#uuid, async (draft) => draft.countMissing(range)),
    );
  }
}

function requireThere<T>(given: T | "gone"): T {
  if (given === "gone") {
    throw new AppError("storage_unavailable");
  }
  return given;
}

function toVersionEntry(entry: DraftEntry): VersionEntry {
  if (entry.kind !== "file") {
    return entry;
  }
  const { extents, ...facts } = entry;
  return {
    ...facts,
    isExecutable: false,
    modifiedAt: null,
    extents: async function* (start = 0, end = facts.size): AsyncGenerator<FileExtent[]> {
      yield cutExtents(extents, 0, { start, end });
    },
  };
}
