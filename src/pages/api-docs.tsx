import { Routes } from "../app-env.ts";
import { pageCaching } from "../http/caching.ts";
import { API_DOCS_URL, FAVICON_URL, HOME_URL, OPENAPI_URL } from "../protocol/urls.ts";
import { renderPage } from "./layout.tsx";

/** That of every page, and what Swagger UI needs: its script, requests to this service, images in its style. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** /apidocs/: the API document to read and to try. */
export const apiDocs = new Routes()
  .get("/apidocs", (c) => c.redirect(API_DOCS_URL, 301))
  .get(API_DOCS_URL, (c) => {
    c.header("Content-Security-Policy", CONTENT_SECURITY_POLICY);
    c.header("Cache-Control", pageCaching(true));
    return c.html(renderPage(<ApiDocsPage />));
  });

/** Not in the frame of the other pages, whose style would get into Swagger UI's. */
function ApiDocsPage() {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>API – Stowage</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <link rel="stylesheet" href="/swagger-ui/swagger-ui.css" />
        <link rel="stylesheet" href="/apidocs.css" />
        <link rel="icon" type="image/svg+xml" href={FAVICON_URL} />
        <script src="/swagger-ui/swagger-ui-bundle.js" defer></script>
        <script src="/apidocs.js" defer></script>
      </head>
      <body>
        <header>
          <a href={HOME_URL}>
            <img src={FAVICON_URL} alt="" width="24" height="24" />
            Stowage
          </a>
        </header>
        <noscript>
          <p>
            This page needs JavaScript. It shows what <a href={OPENAPI_URL}>{OPENAPI_URL}</a> holds.
          </p>
        </noscript>
        <main id="swagger-ui"></main>
      </body>
    </html>
  );
}
