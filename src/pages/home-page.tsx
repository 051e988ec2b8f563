import {
  API_DOCS_URL,
  fileUrl,
  folderUrl,
  HOME_URL,
  homeUrl,
  workspaceUrl,
} from "../protocol/urls.ts";
import { Layout } from "./layout.tsx";
import { Name } from "./names.tsx";
import { Pager } from "./pager.tsx";

export interface HomePageProps {
  /** The origin of the API, without a slash at its end. */
  address: string;
  /** Words that clients look for in the text of this page to learn what the API can do. */
  capabilities: string[];
  /** Those that the reader belongs to. */
  own: string[];
  /** A page of the public ones, and the last of them where there are more. */
  workspaces: string[];
  isFirst: boolean;
  after: string | null;
}

/** The start page for people who open the API's address in a browser. */
export function HomePage(props: HomePageProps) {
  const { address } = props;
  return (
    <Layout title="Stowage, an artifact store">
      <h1>Stowage, an artifact store</h1>
      <p class="lead">
        Stowage keeps what builds make: pipelines put big files in, over uploads that resume where
        they broke off. People and machines take them out: they browse, download single files or
        parts of them, and fetch whole folders as archives.
      </p>
      <Workspaces {...props} />
      <section aria-labelledby="open">
        <h2 id="open">Open an artifact</h2>
        <p>
          Every artifact has a page that lists its files, at its number or its uuid. A private one
          asks you to log in; a program sends a token.
        </p>
        <pre>
          <code>
            {address}/a/<var>id</var>/
          </code>
        </pre>
      </section>
      <Samples address={address} />
      <ReadOn address={address} capabilities={props.capabilities} />
    </Layout>
  );
}

function Workspaces({ own, workspaces, isFirst, after }: HomePageProps) {
  return (
    <>
      {own.length > 0 && (
        <section aria-labelledby="own">
          <h2 id="own">Your workspaces</h2>
          <WorkspaceList names={own} />
        </section>
      )}
      <section aria-labelledby="public">
        <h2 id="public">Public workspaces</h2>
        {workspaces.length === 0 ? (
          <p class="empty">{isFirst ? "None is public yet." : "There are no more."}</p>
        ) : (
          <WorkspaceList names={workspaces} />
        )}
        {!(isFirst && after === null) && (
          <Pager
            back={[{ label: "First", href: isFirst ? null : HOME_URL }]}
            place={null}
            on={[{ label: "Next", href: after === null ? null : homeUrl(after), rel: "next" }]}
          />
        )}
      </section>
    </>
  );
}

function WorkspaceList({ names }: { names: string[] }) {
  return (
    <ul class="workspaces">
      {names.map((name) => (
        <li>
          <a href={workspaceUrl(name)}>
            <Name text={name} />
          </a>
        </li>
      ))}
    </ul>
  );
}

function Samples({ address }: { address: string }) {
  return (
    <>
      <section aria-labelledby="download">
        <h2 id="download">Download with curl</h2>
        <p>
          One file, continued where an earlier attempt stopped, and a whole folder. For a private
          artifact, set <code>TOKEN</code> to your token; for a public one, leave the header out.
        </p>
        <pre>
          <code>{downloadSample(address)}</code>
        </pre>
      </section>
      <section aria-labelledby="upload">
        <h2 id="upload">Upload with curl</h2>
        <p>
          Open an upload, append to it as often as you like, and turn it into a version of an
          artifact. <code>Upload-Offset</code> says where the bytes belong: sent again after a lost
          answer, they are refused (409) and not there twice. <code>sha512</code> is that of the
          whole file.
        </p>
        <pre>
          <code>{uploadSample(address)}</code>
        </pre>
      </section>
    </>
  );
}

function ReadOn({ address, capabilities }: Pick<HomePageProps, "address" | "capabilities">) {
  return (
    <section aria-labelledby="more">
      <h2 id="more">Read on</h2>
      <p>
        Uploads follow the artifact API of{" "}
        <a href="https://github.com/shakenfist/shakenfist">Shaken Fist</a>, browsing and downloading
        that of <a href="https://salsa.debian.org/freexian-team/debusine">Debusine</a>; the clients
        of both work as they are, with <code>{address}</code> as the address of the server.{" "}
        <a href={API_DOCS_URL}>Every operation of the API</a> can be read about and tried. The file{" "}
        <code>README.md</code> and the folder <code>docs</code> in Stowage's source describe the
        rest.
      </p>
      <p>What the API tells its clients it can do:</p>
      <ul class="words">
        {capabilities.map((word) => (
          <li>
            <code>{word}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}

function downloadSample(address: string): string {
  return `STOWAGE='${address}'

curl --fail --remote-name \\
  --continue-at - \\
  -H "Token: $TOKEN" \\
  "$STOWAGE${fileUrl(7, "doc/manual.pdf")}"

curl --fail --output doc.tar.gz \\
  -H "Token: $TOKEN" \\
  "$STOWAGE${folderUrl(7, "doc/", { archive: "tar.gz" })}"`;
}

function uploadSample(address: string): string {
  return `STOWAGE='${address}'

TOKEN=$(curl --fail \\
  --json '{"namespace":"ci","key":"…"}' \\
  "$STOWAGE/auth" | jq -r .access_token)

UPLOAD=$(curl --fail --request POST \\
  -H "Authorization: Bearer $TOKEN" \\
  "$STOWAGE/upload" | jq -r .uuid)

curl --fail --request POST \\
  -H "Authorization: Bearer $TOKEN" \\
  -H "Upload-Offset: 0" \\
  --upload-file disk.img \\
  "$STOWAGE/upload/$UPLOAD"

SHA512=$(sha512sum disk.img | cut -d' ' -f1)

curl --fail \\
  -H "Authorization: Bearer $TOKEN" \\
  --json "{\\"upload_uuid\\":\\"$UPLOAD\\",\\"sha512\\":\\"$SHA512\\"}" \\
  "$STOWAGE/artifacts/upload/disk.img"`;
}
