import { raw } from "hono/html";

import { servedAs } from "../http/media-types.ts";
import { fileUrl } from "../protocol/urls.ts";
import type { ShownLines } from "./code-lines.ts";
import { pinOf, VersionFacts } from "./facts.tsx";
import type { VersionFactsProps } from "./facts.tsx";
import { formatBytes, formatCount, revealHidden } from "./format.ts";
import { Layout } from "./layout.tsx";
import { Breadcrumb, Bytes, lastSegment, Name } from "./names.tsx";

/** What of a file its page shows. */
export type Viewed = { kind: "nothing" } | { kind: "image" } | ({ kind: "text" } & ShownLines);

/** Where the lines of a text come in the page: names cannot be taken for it, as they are escaped. */
export const LINES_HERE = "<!--lines-->";

export interface FilePageProps extends Omit<VersionFactsProps, "versions" | "folder"> {
  artifact: VersionFactsProps["artifact"] & { name: string; workspace: string; listed: boolean };
  file: { path: string; size: number; sha256: string; sha512: string };
  viewed: Viewed;
}

/** Shows a file as text with numbered lines, or as an image, or says that it has to be downloaded. */
export function FilePage({ artifact, version, file, viewed }: FilePageProps) {
  const pin = pinOf(version);
  const name = lastSegment(file.path);
  const url = fileUrl(artifact.id, file.path, pin);
  return (
    <Layout title={`${name} in ${artifact.name} – Stowage`}>
      <Breadcrumb artifact={artifact} pin={pin} path={file.path} />
      <h1>
        <Name text={name} />
      </h1>
      <dl class="facts">
        <dt>Size</dt>
        <dd>
          <Bytes bytes={file.size} />
        </dd>
        <dt>SHA-256</dt>
        <dd>
          <code class="whole">{file.sha256}</code>
        </dd>
        <dt>SHA-512</dt>
        <dd>
          <code class="whole">{file.sha512}</code>
        </dd>
        <VersionFacts artifact={artifact} version={version} versions={[]} folder="" />
      </dl>
      <p class="actions">
        <a
          class="button"
          rel="nofollow"
          href={fileUrl(artifact.id, file.path, { ...pin, download: true })}
        >
          Download
        </a>
        {servedAs(name).disposition === "inline" && (
          <a class="button plain" href={url}>
            Open as it is
          </a>
        )}
      </p>
      <Content viewed={viewed} url={url} name={name} size={file.size} />
    </Layout>
  );
}

interface ContentProps {
  viewed: Viewed;
  url: string;
  name: string;
  size: number;
}

function Content({ viewed, url, name, size }: ContentProps) {
  switch (viewed.kind) {
    case "nothing":
      return <p class="empty">A file of this kind is not shown here. Download it to open it.</p>;
    case "image":
      return (
        <p class="picture">
          <img src={url} alt={revealHidden(name)} />
        </p>
      );
    case "text":
      return (
        <section aria-labelledby="content">
          <h2 id="content">Content</h2>
          {!viewed.isWhole && (
            <p class="warning">
              The first {formatCount(viewed.shown, "line")} of {formatBytes(size)}. Download the
              file to see all of it.
            </p>
          )}
          {viewed.shown === 0 ? (
            <p class="empty">This file is empty.</p>
          ) : (
            <div class="code" translate="no">
              {raw(LINES_HERE)}
            </div>
          )}
        </section>
      );
  }
}
