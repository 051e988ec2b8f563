// What stands in each row of a list is a template, which escapes as JSX does and costs a fraction.

import { html as markup } from "hono/html";

import { folderUrl, workspaceUrl } from "../protocol/urls.ts";
import { formatBytes, formatCount, formatTime, revealHidden } from "./format.ts";

/** A text of a user's, isolated so that it leaves the order of what is around it alone. */
export function Name({ text }: { text: string }) {
  return markup`<bdi>${revealHidden(text)}</bdi>`;
}

/** A path whose segments are isolated each, so that a right-to-left name leaves the order of the others alone. */
export function Path({ path }: { path: string }) {
  const tail = path.endsWith("/") ? "/" : "";
  const segments = path.slice(0, path.length - tail.length).split("/");
  const name = segments.pop() ?? "";
  const parents = segments.map(
    (text) => markup`<span class="parent">${Name({ text })}/<wbr/></span>`,
  );
  return markup`${parents}${Name({ text: name })}${tail}`;
}

/** A time for people and for machines. */
export function Time({ at }: { at: number }) {
  return <time datetime={new Date(at).toISOString()}>{formatTime(at)}</time>;
}

/** A number of bytes for people, and the exact one beside it. */
export function Bytes({ bytes }: { bytes: number }) {
  const exact = bytes >= 1024 && markup` <span class="exact">${formatCount(bytes, "byte")}</span>`;
  return markup`<data value="${bytes}">${formatBytes(bytes)}</data>${exact}`;
}

/** The way down to a folder or file: `path` is its own, a folder's with its slash. */
export interface BreadcrumbProps {
  artifact: { id: number; name: string; workspace: string; listed: boolean };
  pin: { version?: number };
  path: string;
}

/** Links to the workspace, the artifact and each folder above; what it leads to is the last. */
export function Breadcrumb({ artifact, pin, path }: BreadcrumbProps) {
  const above = ["", ...pathsDownTo(path)];
  const current = above.pop() ?? "";
  const label = (crumb: string) => (crumb === "" ? artifact.name : lastSegment(crumb));
  return (
    <nav class="crumbs" aria-label="Breadcrumb">
      <ol>
        <li>
          {artifact.listed ? (
            <a href={workspaceUrl(artifact.workspace)}>
              <Name text={artifact.workspace} />
            </a>
          ) : (
            <Name text={artifact.workspace} />
          )}
        </li>
        {above.map((crumb) => (
          <li>
            <a href={folderUrl(artifact.id, crumb, pin)}>
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

/** "doc/sub/" is "doc/" and "doc/sub/"; "doc/a" is "doc/" and "doc/a". */
function pathsDownTo(path: string): string[] {
  const folders = [...path.matchAll(/\//gu)].map(({ index }) => path.slice(0, index + 1));
  return path === "" || path.endsWith("/") ? folders : [...folders, path];
}

/** The name at the end of a path, without a slash. */
export function lastSegment(path: string): string {
  return path.split("/").findLast((segment) => segment !== "") ?? "";
}
