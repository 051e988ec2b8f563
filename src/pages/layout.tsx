import type { PropsWithChildren } from "hono/jsx";
import type { JSX } from "hono/jsx/jsx-runtime";

import { FAVICON_URL, HOME_URL, LOGOUT_URL, STYLESHEET_URL } from "../protocol/urls.ts";
import { revealHidden } from "./format.ts";
import type { Frame } from "./frame.ts";

const BARE: Frame = { kind: "bare" };

/** That of the page being rendered, which happens without a pause: Hono's contexts do the same, and would bring its
 * renderer for browsers into the bundle. */
let frame: Frame = BARE;

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
          <Account />
        </header>
        <main id="main">{children}</main>
        <footer>
          <p>Stowage, an artifact store</p>
        </footer>
      </body>
    </html>
  );
}

/** Who is logged in, with the way out; or the way in. */
function Account() {
  switch (frame.kind) {
    case "user":
      return (
        <form class="account" method="post" action={LOGOUT_URL}>
          <span>{frame.name}</span> – <button type="submit">Log out</button>
        </form>
      );
    case "visitor":
      return (
        <a class="account" href={frame.loginUrl}>
          Log in
        </a>
      );
    case "bare":
      return null;
  }
}

/** The whole document of a page as text. */
export function renderPage(page: JSX.Element, around: Frame = BARE): string {
  if (page instanceof Promise) {
    throw new TypeError("Cannot render a page that awaits: pages get their data as props");
  }
  frame = around;
  try {
    return `<!doctype html>${page}`;
  } finally {
    frame = BARE;
  }
}
