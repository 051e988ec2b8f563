import { viewedAs } from "../http/media-types.ts";
import { fileUrl, folderUrl } from "../protocol/urls.ts";
import { formatCount } from "./format.ts";
import { Bytes, lastSegment, Path } from "./names.tsx";

/** A line of a listing. Paths start at the artifact's root; a folder's ends in a slash. */
export type FolderEntry =
  | { kind: "folder"; path: string; fileCount: number; totalBytes: number }
  | { kind: "file"; path: string; size: number; sha256: string; sha512: string }
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
      <tbody>
        {entries.map((entry) => (
          <Row entry={entry} artifact={artifact} pin={pin} folder={folder} />
        ))}
      </tbody>
    </table>
  );
}

type RowProps = Omit<ListingProps, "entries"> & { entry: FolderEntry };

function Row({ entry, artifact, pin, folder }: RowProps) {
  const path = <Path path={entry.path.slice(folder.length)} />;
  if (entry.kind === "folder") {
    return (
      <tr class="folder">
        <th scope="row">
          <a href={folderUrl(artifact.id, entry.path, pin)}>{path}</a>
        </th>
        <Size bytes={entry.totalBytes} />
        <td colspan={2}>{formatCount(entry.fileCount, "file")}</td>
      </tr>
    );
  }
  if (entry.kind === "missing") {
    return (
      <tr class="missing">
        <th scope="row">{path}</th>
        <Size bytes={entry.size} />
        <td colspan={2}>Not uploaded yet</td>
      </tr>
    );
  }
  const name = lastSegment(entry.path);
  return (
    <tr>
      <th scope="row">
        <a href={fileUrl(artifact.id, entry.path, pin)}>{path}</a>
        {viewedAs(name) !== "nothing" && (
          <a class="view" href={fileUrl(artifact.id, entry.path, { ...pin, view: true })}>
            View<span class="aside"> {path}</span>
          </a>
        )}
      </th>
      <Size bytes={entry.size} />
      <Digest name="SHA-256" hex={entry.sha256} />
      <Digest name="SHA-512" hex={entry.sha512} />
    </tr>
  );
}

function Size({ bytes }: { bytes: number }) {
  return (
    <td class="size">
      <Bytes bytes={bytes} />
    </td>
  );
}

function Digest({ name, hex }: { name: string; hex: string }) {
  return (
    <td class="digest" data-name={name}>
      <code class="whole" title={hex}>
        {hex}
      </code>
    </td>
  );
}
