// The table of a listing. Its rows are templates, which escape as JSX does: the elements of JSX took most of the time
// of a page.

import { html as markup } from "hono/html";

import { viewedAs } from "../http/media-types.ts";
import { fileUrl, folderUrl } from "../protocol/urls.ts";
import { formatCount } from "./format.ts";
import { Bytes, lastSegment, Path } from "./names.tsx";

/** A line of a listing. Paths start at the artifact's root; a folder's ends in a slash. */
export type FolderEntry =
  | { kind: "folder"; path: string; fileCount: number; totalBytes: number }
  | {
      kind: "file";
      path: string;
      size: number;
      sha256: string;
      sha512: string;
      isExecutable: boolean;
      modifiedAt: number | null;
    }
  | { kind: "missing"; path: string; size: number };

export interface ListingProps {
  artifact: { id: number };
  pin: { version?: number };
  folder: string;
  entries: FolderEntry[];
}

/** The table of what is below a folder. */
export function Listing({ artifact, pin, folder, entries }: ListingProps) {
  return (
    <table class="listing">
      <caption>
        Everything below, in path order. A click on a checksum selects the whole of it.
      </caption>
      <thead>
        <tr>
          <th scope="col">Path</th>
          <th scope="col">Size</th>
          <th scope="col">SHA-256</th>
          <th scope="col">SHA-512</th>
        </tr>
      </thead>
      <tbody>{entries.map((entry) => toRow(entry, { artifact, pin, folder }))}</tbody>
    </table>
  );
}

type Markup = ReturnType<typeof markup>;

function toRow(entry: FolderEntry, { artifact, pin, folder }: Omit<ListingProps, "entries">) {
  const path = Path({ path: entry.path.slice(folder.length) });
  if (entry.kind === "folder") {
    const url = folderUrl(artifact.id, entry.path, pin);
    const cells = toCells(entry.totalBytes, formatCount(entry.fileCount, "file"));
    return markup`<tr class="folder"><th scope="row"><a href="${url}">${path}</a></th>${cells}</tr>`;
  }
  if (entry.kind === "missing") {
    const cells = toCells(entry.size, "Not uploaded yet");
    return markup`<tr class="missing"><th scope="row">${path}</th>${cells}</tr>`;
  }
  const url = fileUrl(artifact.id, entry.path, pin);
  const size = Bytes({ bytes: entry.size });
  const digests = [toDigest("SHA-256", entry.sha256), toDigest("SHA-512", entry.sha512)];
  const view =
    viewedAs(lastSegment(entry.path)) !== "nothing" &&
    markup`<a class="view" rel="nofollow" href="${fileUrl(artifact.id, entry.path, { ...pin, view: true })}">View<span class="aside"> ${path}</span></a>`;
  return markup`<tr><th scope="row"><a href="${url}">${path}</a>${view}</th><td class="size">${size}</td>${digests}</tr>`;
}

function toCells(bytes: number, note: string): Markup {
  return markup`<td class="size">${Bytes({ bytes })}</td><td colspan="2">${note}</td>`;
}

function toDigest(name: string, hex: string): Markup {
  return markup`<td class="digest" data-name="${name}"><code class="whole" title="${hex}">${hex}</code></td>`;
}
