import { ARCHIVES, fileUrl, folderUrl } from "../protocol/urls.ts";
import { formatBytes, formatCount, formatTime, revealHidden } from "./format.ts";
import { Layout } from "./layout.tsx";

export type FolderEntry =
  | { kind: "folder"; path: string; fileCount: number; totalBytes: number }
  | { kind: "file"; path: string; size: number; sha256: string; sha512: string }
  | { kind: "missing"; path: string; size: number };

/** Paths start at the artifact's root; a folder's ends in a slash, and the root's is "". */
export interface FolderPageProps {
  artifact: { id: number; uuid: string; name: string; workspace: string; createdAt: number };
  /** `pinned`: asked for by its index, which the page's links then keep. */
  version: { index: number; createdAt: number; pinned: boolean; newest: number };
  folder: string;
  fileCount: number;
  totalBytes: number;
  /** Files below the folder, on any page, that are declared and not uploaded yet. */
  missingCount: number;
  entries: FolderEntry[];
  page: number;
  pages: number;
}

/** Lists everything below a folder of an artifact, in path order. */
export function FolderPage(props: FolderPageProps) {
  const { artifact, folder, entries, page, pages } = props;
  const place = folder === "" ? artifact.name : `${folder} in ${artifact.name}`;
  const part = pages > 1 ? ` (page ${page} of ${pages})` : "";
  return (
    <Layout title={`${place}${part} – Stowage`}>
      <Breadcrumb {...props} />
      <h1>
        {folder === "" ? <Name text={artifact.name} /> : <Path path={`${lastSegment(folder)}/`} />}
      </h1>
      <Facts {...props} />
      <Archive {...props} />
      {entries.length === 0 ? <p class="empty">Nothing is stored here.</p> : <Listing {...props} />}
      {pages > 1 && <Pager {...props} />}
    </Layout>
  );
}

function Breadcrumb({ artifact, version, folder }: FolderPageProps) {
  const above = ["", ...foldersDownTo(folder)];
  const current = above.pop() ?? "";
  const label = (crumb: string) => (crumb === "" ? artifact.name : lastSegment(crumb));
  return (
    <nav class="crumbs" aria-label="Breadcrumb">
      <ol>
        <li>
          <Name text={artifact.workspace} />
        </li>
        {above.map((crumb) => (
          <li>
            <a href={folderUrl(artifact.id, crumb, pinOf(version))}>
              <Name text={label(crumb)} />
            </a>
          </li>
        ))}
        <li aria-current="page">
          <Name text={label(current)} />
        </li>
      </ol>
    </nav>
  );
}

function Facts({ artifact, version, folder, fileCount, totalBytes }: FolderPageProps) {
  return (
    <dl class="facts">
      <dt>Holds</dt>
      <dd>
        {formatCount(fileCount, "file")}, {formatBytes(totalBytes)}
        {totalBytes >= 1024 && ` (${formatCount(totalBytes, "byte")})`}
      </dd>
      <dt>Version</dt>
      <dd>
        <span>
          {version.index}, stored <Time at={version.createdAt} />
        </span>{" "}
        {version.pinned ? (
          <a href={folderUrl(artifact.id, "")}>
            {version.index === version.newest ? "Follow the newest" : "Go to the newest"}
          </a>
        ) : (
          <a href={folderUrl(artifact.id, folder, { version: version.index })}>Permanent link</a>
        )}
      </dd>
      <dt>Artifact</dt>
      <dd>
        {artifact.id}, created <Time at={artifact.createdAt} />
      </dd>
      <dt>UUID</dt>
      <dd>
        <code class="whole">{artifact.uuid}</code>
      </dd>
    </dl>
  );
}

function Archive({ artifact, version, folder, fileCount, missingCount }: FolderPageProps) {
  if (missingCount > 0) {
    return (
      <p class="warning">
        Waiting for {formatCount(missingCount, "file")} to be uploaded. An archive can be downloaded
        once nothing is missing.
      </p>
    );
  }
  if (fileCount === 0) {
    return null;
  }
  return (
    <p>
      {ARCHIVES.map((archive) => (
        <>
          <a class="button" href={folderUrl(artifact.id, folder, { ...pinOf(version), archive })}>
            Download {folder === "" ? "all" : "this folder"} as {archive}
          </a>{" "}
        </>
      ))}
    </p>
  );
}

function Listing({ artifact, version, folder, entries }: FolderPageProps) {
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
          <Row entry={entry} artifact={artifact} version={version} folder={folder} />
        ))}
      </tbody>
    </table>
  );
}

type RowProps = Pick<FolderPageProps, "artifact" | "version" | "folder"> & { entry: FolderEntry };

function Row({ entry, artifact, version, folder }: RowProps) {
  const path = <Path path={entry.path.slice(folder.length)} />;
  if (entry.kind === "folder") {
    return (
      <tr class="folder">
        <th scope="row">
          <a href={folderUrl(artifact.id, entry.path, pinOf(version))}>{path}</a>
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
  return (
    <tr>
      <th scope="row">
        <a href={fileUrl(artifact.id, entry.path, pinOf(version))}>{path}</a>
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
      <data value={String(bytes)} title={formatCount(bytes, "byte")}>
        {formatBytes(bytes)}
      </data>
    </td>
  );
}

function Digest({ name, hex }: { name: string; hex: string }) {
  return (
    <td class="digest" data-name={name}>
      <code class="whole">{hex}</code>
    </td>
  );
}

function Pager({ artifact, version, folder, page, pages }: FolderPageProps) {
  const link = (label: string, target: number, rel?: "prev" | "next") => (
    <li>
      {target < 1 || target > pages || target === page ? (
        <span class="off">{label}</span>
      ) : (
        <a href={folderUrl(artifact.id, folder, { ...pinOf(version), page: target })} rel={rel}>
          {label}
        </a>
      )}
    </li>
  );
  return (
    <nav class="pager" aria-label="Pages">
      <ul>
        {link("First", 1)}
        {link("Previous", page - 1, "prev")}
        <li aria-current="page">
          {page} of {pages}
        </li>
        {link("Next", page + 1, "next")}
        {link("Last", pages)}
      </ul>
    </nav>
  );
}

function Time({ at }: { at: number }) {
  return <time datetime={new Date(at).toISOString()}>{formatTime(at)}</time>;
}

function Name({ text }: { text: string }) {
  return <bdi>{revealHidden(text)}</bdi>;
}

/** Isolates each segment, so that a right-to-left name leaves the order of the others alone. */
function Path({ path }: { path: string }) {
  const tail = path.endsWith("/") ? "/" : "";
  const segments = path.slice(0, path.length - tail.length).split("/");
  const name = segments.pop() ?? "";
  return (
    <>
      {segments.map((segment) => (
        <span class="parent">
          <Name text={segment} />/<wbr />
        </span>
      ))}
      <Name text={name} />
      {tail}
    </>
  );
}

/** "doc/sub/" is "doc/" and "doc/sub/"; what follows the last slash is left out. */
function foldersDownTo(path: string): string[] {
  return [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index + 1));
}

function lastSegment(path: string): string {
  return path.split("/").findLast((segment) => segment !== "") ?? "";
}

function pinOf(version: FolderPageProps["version"]): { version?: number } {
  return version.pinned ? { version: version.index } : {};
}
