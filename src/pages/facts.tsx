import type { OfferedVersion } from "../catalog/pages/lookup.ts";
import { folderUrl } from "../protocol/urls.ts";
import { Time } from "./names.tsx";

export interface VersionFactsProps {
  artifact: { id: number; uuid: string; createdAt: number };
  /** `pinned`: asked for by its index, which the page's links then keep. */
  version: { index: number; createdAt: number; pinned: boolean; newest: number };
  /** The newest ones, the newest first. */
  versions: OfferedVersion[];
  folder: string;
}

/** What a page that was asked for by version puts into its links. */
export function pinOf(version: VersionFactsProps["version"]): { version?: number } {
  return version.pinned ? { version: version.index } : {};
}

/** The rows of a list of facts that say which version of which artifact this is, and lead to others. */
export function VersionFacts({ artifact, version, versions, folder }: VersionFactsProps) {
  return (
    <>
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
          <a rel="nofollow" href={folderUrl(artifact.id, folder, { version: version.index })}>
            Permanent link
          </a>
        )}
        <Versions artifact={artifact} version={version} versions={versions} folder={folder} />
      </dd>
      <dt>Artifact</dt>
      <dd>
        {artifact.id}, created <Time at={artifact.createdAt} />
      </dd>
      <dt>UUID</dt>
      <dd>
        <code class="whole">{artifact.uuid}</code>
      </dd>
    </>
  );
}

/** The way to other versions: to this folder where they have it, to the nearest above it otherwise. */
function Versions({ artifact, version, versions, folder }: VersionFactsProps) {
  if (versions.every(({ index }) => index === version.index)) {
    return null;
  }
  return (
    <details class="versions">
      <summary>Other versions</summary>
      <ul>
        {versions.map(({ index, createdAt }) => (
          <li>
            {index === version.index ? (
              <span aria-current="true">Version {index}, this one</span>
            ) : (
              <a
                rel="nofollow"
                href={folderUrl(artifact.id, folder, { version: index, nearest: folder !== "" })}
              >
                Version {index}
              </a>
            )}{" "}
            <Time at={createdAt} />
          </li>
        ))}
      </ul>
    </details>
  );
}
