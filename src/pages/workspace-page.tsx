import type { ListedArtifact } from "../catalog/pages/workspace-page.ts";
import { LIMITS } from "../protocol/limits.ts";
import { folderUrl, HOME_URL, workspaceUrl } from "../protocol/urls.ts";
import type { WorkspaceQuery } from "../protocol/urls.ts";
import { Layout } from "./layout.tsx";
import { Bytes, Name, Time } from "./names.tsx";
import { Pager } from "./pager.tsx";

export interface WorkspacePageProps {
  workspace: { name: string; public: boolean };
  /** What the names begin with; "" for all. */
  search: string;
  artifacts: ListedArtifact[];
  isFirst: boolean;
  /** The artifact that the page before ends at, and the one that the next begins behind. */
  before: number | null;
  after: number | null;
}

/** Lists a page of a workspace's artifacts by name. */
export function WorkspacePage(props: WorkspacePageProps) {
  const { workspace, search, artifacts } = props;
  return (
    <Layout title={`${workspace.name} – Stowage`}>
      <nav class="crumbs" aria-label="Breadcrumb">
        <ol>
          <li>
            <a href={HOME_URL}>Workspaces</a>
          </li>
          <li aria-current="page">
            <Name text={workspace.name} />
          </li>
        </ol>
      </nav>
      <h1>
        <Name text={workspace.name} />
      </h1>
      <p class="note">
        {workspace.public ? "A public workspace: anyone may read it." : "A private workspace."}
      </p>
      <Search workspace={workspace} search={search} />
      {artifacts.length === 0 ? <Nothing {...props} /> : <Artifacts artifacts={artifacts} />}
      <WorkspacePager {...props} />
    </Layout>
  );
}

function Search({ workspace, search }: Pick<WorkspacePageProps, "workspace" | "search">) {
  return (
    <search>
      <form class="search" action={workspaceUrl(workspace.name)}>
        <label>
          Name begins with{" "}
          <input name="name" type="search" value={search} maxlength={LIMITS.searchLength} />
        </label>
        <button class="button">Search</button>
        {search !== "" && <a href={workspaceUrl(workspace.name)}>Show all</a>}
      </form>
    </search>
  );
}

function Nothing({ search, isFirst }: WorkspacePageProps) {
  if (!isFirst) {
    return <p class="empty">There are no more artifacts this way.</p>;
  }
  return search === "" ? (
    <p class="empty">Nothing is stored in this workspace yet.</p>
  ) : (
    <p class="empty">
      No artifact here has a name that begins with “<Name text={search} />
      ”.
    </p>
  );
}

function Artifacts({ artifacts }: Pick<WorkspacePageProps, "artifacts">) {
  return (
    <table class="listing artifacts">
      <caption>Artifacts in order of their names</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Size</th>
          <th scope="col">Category</th>
          <th scope="col">Versions</th>
          <th scope="col">Created</th>
          <th scope="col">Expires</th>
        </tr>
      </thead>
      <tbody>
        {artifacts.map((artifact) => (
          <Row {...artifact} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ id, name, category, newest, versions, createdAt, expiresAt }: ListedArtifact) {
  return (
    <tr>
      <th scope="row">
        <a href={folderUrl(id, "")}>
          <Name text={name} />
        </a>
      </th>
      <td class="size">{newest === null ? "Nothing yet" : <Bytes bytes={newest.totalBytes} />}</td>
      <td data-name="Category">
        <Name text={category} />
      </td>
      <td data-name="Versions">
        {versions}
        {versions === LIMITS.versionsCounted && " or more"}
      </td>
      <td data-name="Created">
        <Time at={createdAt} />
      </td>
      <td data-name="Expires">{expiresAt === null ? "Never" : <Time at={expiresAt} />}</td>
    </tr>
  );
}

function WorkspacePager({ workspace, search, isFirst, before, after }: WorkspacePageProps) {
  if (isFirst && after === null) {
    return null;
  }
  const to = (query: WorkspaceQuery) => workspaceUrl(workspace.name, { name: search, ...query });
  return (
    <Pager
      back={[
        { label: "First", href: isFirst ? null : to({}) },
        { label: "Previous", href: before === null ? null : to({ before }), rel: "prev" },
      ]}
      place={null}
      on={[{ label: "Next", href: after === null ? null : to({ after }), rel: "next" }]}
    />
  );
}
