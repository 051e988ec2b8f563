import { describe, expect, it } from "vitest";

import { ErrorPage } from "../../../src/pages/error-page.tsx";
import { renderPage } from "../../../src/pages/layout.tsx";
import { parsePage, structureOf } from "./parse-page.ts";

function render(message: string, request: { requestId?: string } = {}): string {
  return renderPage(
    <ErrorPage
      status={404}
      title="No such file"
      message={message}
      detail="Open the artifact's page to see what it holds"
      {...request}
    />,
  );
}

async function codesOf(html: string): Promise<string[]> {
  const elements = await parsePage(html);
  return elements.filter(({ tag }) => tag === "code").map(({ text }) => text);
}

describe("ErrorPage", () => {
  it("says what was wrong and what to do", async () => {
    const texts = (await parsePage(render("The artifact has no file"))).map(({ text }) => text);
    expect(texts).toEqual(
      expect.arrayContaining([
        "No such file – Stowage",
        "Error 404",
        "No such file",
        "The artifact has no file",
        "Open the artifact's page to see what it holds",
      ]),
    );
  });

  it("names the request when there is an id to report", async () => {
    expect(await codesOf(render("It failed", { requestId: "r-1" }))).toEqual(["r-1"]);
    expect(await codesOf(render("It failed"))).toEqual([]);
  });

  it("quotes hostile text as text", async () => {
    const html = render(`No file "</p><script>alert(1)</script>\u202e"`);
    expect(await structureOf(html)).toEqual(await structureOf(render("No file")));
    expect(html).not.toContain("\u202e");
  });
});
