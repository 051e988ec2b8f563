import { fileUrl, folderUrl } from "../protocol/urls.ts";
import { pinOf } from "./facts.tsx";
import type { FolderPageProps } from "./folder-page.tsx";
import { Layout } from "./layout.tsx";
import { lastSegment, Name, Path } from "./names.tsx";

/** Programs that follow every link of a page, whatever its `rel` says. */
const WALKERS = /^(?:wget2?|httrack|lftp)\b/iu;

/** Does a program with this User-Agent fetch whatever a page links to? */
export function isWalker(userAgent: string | null): boolean {
  return WALKERS.test(userAgent ?? "");
}

/** Lists everything below a folder for a program that follows every link: once, and in no other form. */
export function WalkedPage({ artifact, version, folder, entries, page, pages }: FolderPageProps) {
  const pin = pinOf(version);
  return (
    <Layout title={`${folder === "" ? artifact.name : folder} – Stowage`}>
      <h1>
        {folder === "" ? <Name text={artifact.name} /> : <Path path={`${lastSegment(folder)}/`} />}
      </h1>
      <ul>
        {entries.map((entry) => (
          <li>
            {entry.kind === "file" ? (
              <a href={fileUrl(artifact.id, entry.path, pin)}>
                <Path path={entry.path} />
              </a>
            ) : (
              <Path path={entry.path} />
            )}
          </li>
        ))}
      </ul>
      {page < pages && (
        <a href={folderUrl(artifact.id, folder, { ...pin, page: page + 1 })}>Next</a>
      )}
    </Layout>
  );
}
