import type { PropsWithChildren } from "hono/jsx";
import type { JSX } from "hono/jsx/jsx-runtime";

import { FAVICON_URL, HOME_URL, STYLESHEET_URL } from "../protocol/urls.ts";
import { revealHidden } from "./format.ts";

/** The document around every page: head, header, main, footer. */
export function Layout({ title, children }: PropsWithChildren<{ title: string }>) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>{revealHidden(title)}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <link rel="stylesheet" href={STYLESHEET_URL} />
        <link rel="icon" type="image/svg+xml" href={FAVICON_URL} />
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to the content
        </a>
        <header>
          <a class="brand" href={HOME_URL}>
            <img src={FAVICON_URL} alt="" width="24" height="24" />
            Stowage
          </a>
        </header>
        <main id="main">{children}</main>
        <footer>
          <p>Stowage, an artifact store</p>
        </footer>
      </body>
    </html>
  );
}

/** The whole document of a page as text. */
export function renderPage(page: JSX.Element): string {
  if (page instanceof Promise) {
    throw new TypeError("Cannot render a page that awaits: pages get their data as props");
  }
  return `<!doctype html>${page}`;
}
