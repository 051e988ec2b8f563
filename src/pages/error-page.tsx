import { HOME_URL } from "../protocol/urls.ts";
import { revealHidden } from "./format.ts";
import { Layout } from "./layout.tsx";

export interface ErrorPageProps {
  status: number;
  title: string;
  message: string | null;
  detail: string | null;
  requestId?: string;
}

/** What was wrong (`title`, with its values in `message`) and what to do about it (`detail`). */
export function ErrorPage({ status, title, message, detail, requestId }: ErrorPageProps) {
  return (
    <Layout title={`${title} – Stowage`}>
      <p class="status">Error {status}</p>
      <h1>{revealHidden(title)}</h1>
      {message !== null && <p class="lead">{revealHidden(message)}</p>}
      {detail !== null && <p>{revealHidden(detail)}</p>}
      {requestId !== undefined && (
        <p class="note">
          If you report this, quote request <code class="whole">{requestId}</code>
        </p>
      )}
      <p>
        <a href={HOME_URL}>Go to the start page</a>
      </p>
    </Layout>
  );
}
