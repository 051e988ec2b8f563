import type { LeftOutMembers } from "../protocol/entries.ts";
import { ARCHIVES, fileUrl, folderUrl } from "../protocol/urls.ts";
import { pinOf, VersionFacts } from "./facts.tsx";
import type { VersionFactsProps } from "./facts.tsx";
import { formatBytes, formatCount } from "./format.ts";
import { Layout } from "./layout.tsx";
import { Listing } from "./listing.tsx";
import type { FolderEntry } from "./listing.tsx";
import { Breadcrumb, lastSegment, Name, Path } from "./names.tsx";
import { Pager } from "./pager.tsx";

/** Paths start at the artifact's root; a folder's ends in a slash, and the root's is "". */
export interface FolderPageProps extends VersionFactsProps {
  /** `listed`: its workspace's page can be read by those who can read this one. */
  artifact: VersionFactsProps["artifact"] & { name: string; workspace: string; listed: boolean };
  fileCount: number;
  totalBytes: number;
  /** Files below the folder, on any page, that are declared and not uploaded yet. */
  missingCount: number;
  /** Of the archive that the version was made of. */
  leftOut: LeftOutMembers;
  entries: FolderEntry[];
  page: number;
  pages: number;
}

/** Lists everything below a folder of an artifact, in path order. */
export function FolderPage(props: FolderPageProps) {
  const { artifact, folder, entries, page, pages } = props;
  const pin = pinOf(props.version);
  const place = folder === "" ? artifact.name : `${folder} in ${artifact.name}`;
  const part = pages > 1 ? ` (page ${page} of ${pages})` : "";
  return (
    <Layout title={`${place}${part} – Stowage`}>
      <Breadcrumb artifact={artifact} pin={pin} path={folder} />
      <h1>
        {folder === "" ? <Name text={artifact.name} /> : <Path path={`${lastSegment(folder)}/`} />}
      </h1>
      <Facts {...props} />
      <OnlyFile {...props} />
      <Archive {...props} />
      {entries.length === 0 ? (
        <p class="empty">Nothing is stored here.</p>
      ) : (
        <Listing artifact={artifact} pin={pin} folder={folder} entries={entries} />
      )}
      {pages > 1 && <FolderPager {...props} />}
      <LeftOut {...props} />
    </Layout>
  );
}

function Facts(props: FolderPageProps) {
  const { artifact, version, folder, fileCount, totalBytes } = props;
  const checksums = (name: "sha256" | "sha512") =>
    folderUrl(artifact.id, folder, { ...pinOf(version), checksums: name });
  return (
    <dl class="facts">
      <dt>Holds</dt>
      <dd>
        {formatCount(fileCount, "file")}, {formatBytes(totalBytes)}
        {totalBytes >= 1024 && ` (${formatCount(totalBytes, "byte")})`}
      </dd>
      <VersionFacts
        artifact={artifact}
        version={version}
        versions={props.versions}
        folder={folder}
      />
      {fileCount > 0 && (
        <>
          <dt>Checksums</dt>
          <dd>
            <a rel="nofollow" href={checksums("sha256")}>
              SHA256SUMS
            </a>{" "}
            <a rel="nofollow" href={checksums("sha512")}>
              SHA512SUMS
            </a>
          </dd>
        </>
      )}
    </dl>
  );
}

/** The way to the file of an artifact that is just one. */
function OnlyFile({ artifact, version, folder, entries, fileCount }: FolderPageProps) {
  const [only] = entries;
  if (folder !== "" || fileCount !== 1 || only?.kind !== "file") {
    return null;
  }
  return (
    <p>
      <a
        class="button"
        rel="nofollow"
        href={fileUrl(artifact.id, only.path, { ...pinOf(version), download: true })}
      >
        Download <Name text={only.path} />
      </a>
    </p>
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
    <p class="actions">
      {ARCHIVES.map((archive) => (
        <a
          class="button"
          rel="nofollow"
          href={folderUrl(artifact.id, folder, { ...pinOf(version), archive })}
        >
          Download {folder === "" ? "all" : "this folder"} as {archive}
        </a>
      ))}
    </p>
  );
}

/** What the archive had that no file could be made of. */
function LeftOut({ leftOut: { count, named } }: FolderPageProps) {
  if (count === 0) {
    return null;
  }
  const others = count - named.length;
  return (
    <details class="left-out">
      <summary>{formatCount(count, "member")} of the archive left out</summary>
      <ul>
        {named.map(({ path, reason }) => (
          <li>
            <Path path={path} /> {reason}
          </li>
        ))}
        {others > 0 && <li>and {formatCount(others, "other")}</li>}
      </ul>
    </details>
  );
}

function FolderPager({ artifact, version, folder, page, pages }: FolderPageProps) {
  const to = (target: number) =>
    target < 1 || target > pages || target === page
      ? null
      : folderUrl(artifact.id, folder, { ...pinOf(version), page: target });
  return (
    <Pager
      back={[
        { label: "First", href: to(1) },
        { label: "Previous", href: to(page - 1), rel: "prev" },
      ]}
      place={`${page} of ${pages}`}
      on={[
        { label: "Next", href: to(page + 1), rel: "next" },
        { label: "Last", href: to(pages) },
      ]}
    />
  );
}
