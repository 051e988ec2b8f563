import { describe, expect, it } from "vitest";

import { HomePage } from "../../../src/pages/home-page.tsx";
import { renderPage } from "../../../src/pages/layout.tsx";
import { parsePage, structureOf } from "./parse-page.ts";

function render(address: string, capabilities: string[] = []): string {
  const lists = { own: ["mine"], workspaces: ["open"], isFirst: true, after: "open" };
  return renderPage(<HomePage address={address} capabilities={capabilities} {...lists} />);
}

describe("HomePage", () => {
  it("holds each capability as a plain word, as clients search for it", () => {
    const words = ["blob-search-by-hash", "artifact-metadata"];
    const html = render("https://s.example", words);
    expect(words.filter((word) => !html.includes(word))).toEqual([]);
  });

  it.each(["blob-data-limit", "blob-search-by-hash", "artifact-upload-types", "events-by-type"])(
    "does not mention %s unless it is given",
    (word) => {
      expect(render("https://s.example")).not.toContain(word);
    },
  );

  it("shows where artifacts are and how to fetch them from this address", async () => {
    const samples = (await parsePage(render("https://s.example")))
      .filter(({ tag }) => tag === "pre")
      .map(({ text }) => text);
    expect(samples[0]).toBe("https://s.example/a/id/");
    expect(samples[1]).toContain("STOWAGE='https://s.example'");
    expect(samples[1]).toContain('"$STOWAGE/a/7/doc/?archive=tar.gz"');
  });

  it("leads to the page about the API", async () => {
    const links = (await parsePage(render("https://s.example"))).filter(({ tag }) => tag === "a");
    expect(links.map(({ attributes }) => attributes["href"])).toContain("/apidocs/");
  });

  it("shows a hostile address as text", async () => {
    const html = render(`https://"><script>alert(1)</script>`);
    expect(await structureOf(html)).toEqual(await structureOf(render("https://s.example")));
  });
});

describe("Every page", () => {
  it("has its parts, a way past its header, and no inline script or style", async () => {
    const elements = await parsePage(render("https://s.example"));
    const tags = elements.map(({ tag }) => tag);
    expect(tags).toEqual(expect.arrayContaining(["title", "header", "main", "footer"]));
    expect(elements.find(({ tag }) => tag === "a")?.attributes["href"]).toBe("#main");
    expect(elements.find(({ tag }) => tag === "main")?.attributes["id"]).toBe("main");
    expect(tags.filter((tag) => tag === "script" || tag === "style")).toEqual([]);
    const attributes = elements.flatMap((element) => Object.keys(element.attributes));
    expect(attributes.filter((name) => name === "style" || name.startsWith("on"))).toEqual([]);
  });
});
