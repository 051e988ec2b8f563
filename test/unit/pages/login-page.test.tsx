// SECURITY.md: ASVS 6.2.6, 6.2.7, 6.4.2.

import { describe, expect, it } from "vitest";

import { renderPage } from "../../../src/pages/layout.tsx";
import { LoginPage } from "../../../src/pages/login-page.tsx";
import type { LoginPageProps } from "../../../src/pages/login-page.tsx";
import { LogoutPage } from "../../../src/pages/logout-page.tsx";
import { parsePage, structureOf } from "./parse-page.ts";

const EMPTY: LoginPageProps = { next: "/a/1/?page=2", name: "", problem: null };
const HOSTILE = `"><script>alert(1)</script>\u202e`;

function parse(props: LoginPageProps) {
  return parsePage(renderPage(<LoginPage {...props} />));
}

describe("LoginPage", () => {
  it("posts name, password and where to come back to, each field with its label", async () => {
    const elements = await parse(EMPTY);
    const form = elements.find(({ tag }) => tag === "form");
    expect(form?.attributes).toMatchObject({ method: "post", action: "/login" });
    const fields = elements.filter(({ tag }) => tag === "input").map((input) => input.attributes);
    expect(fields).toMatchObject([
      { type: "hidden", name: "next", value: "/a/1/?page=2" },
      { name: "name", id: "name", autocomplete: "username" },
      { name: "password", id: "password", type: "password", autocomplete: "current-password" },
    ]);
    const labels = elements.filter(({ tag }) => tag === "label").map((label) => label.attributes);
    expect(labels).toEqual([{ for: "name" }, { for: "password" }]);
  });

  it("says what was wrong, keeps the name and never fills in a password", async () => {
    const problem = { code: "login_failed", wait: null } as const;
    const elements = await parse({ ...EMPTY, name: "ann", problem });
    const alert = elements.find(({ attributes }) => attributes["role"] === "alert");
    expect(alert?.text).toMatch(/^Name or password is wrong/u);
    const [, name, password] = elements.filter(({ tag }) => tag === "input");
    expect(name?.attributes).toMatchObject({ value: "ann", "aria-describedby": "problem" });
    expect(Object.keys(password?.attributes ?? {})).not.toContain("value");
  });

  it.each([
    [1, "1 second"],
    [90, "90 seconds"],
  ])("says that there are %i seconds to wait", async (wait, words) => {
    const problem = { code: "login_too_often", wait } as const;
    const elements = await parse({ ...EMPTY, problem });
    const alert = elements.find(({ attributes }) => attributes["role"] === "alert");
    expect(alert?.text).toContain(words);
  });

  it("shows a hostile name and path as text", async () => {
    const plain = renderPage(<LoginPage {...EMPTY} name="ann" />);
    const hostile = renderPage(<LoginPage {...EMPTY} name={HOSTILE} next={`/${HOSTILE}`} />);
    expect(await structureOf(hostile)).toEqual(await structureOf(plain));
  });
});

describe("LogoutPage", () => {
  it("asks who is logged in with a button, and shows nobody one", async () => {
    const asked = await parsePage(renderPage(<LogoutPage user="ann" />));
    expect(asked.find(({ tag }) => tag === "form")?.attributes).toMatchObject({
      method: "post",
      action: "/logout",
    });
    expect(asked.find(({ tag }) => tag === "main")?.text).toContain("ann");
    const nobody = await parsePage(renderPage(<LogoutPage user={null} />));
    expect(nobody.map(({ tag }) => tag)).not.toContain("form");
  });
});

describe("The header of a page", () => {
  const page = <LogoutPage user={null} />;

  it("names who is logged in, with a button to log out", async () => {
    const elements = await parsePage(renderPage(page, { kind: "user", name: "ann" }));
    expect(elements.find(({ tag }) => tag === "header")?.text).toBe("Stowageann – Log out");
    expect(elements.find(({ tag }) => tag === "form")?.attributes["action"]).toBe("/logout");
  });

  it("leads a visitor to the login page and back", async () => {
    const url = "/login?next=%2Fa%2F1%2F";
    const elements = await parsePage(renderPage(page, { kind: "visitor", loginUrl: url }));
    const links = elements.filter(({ tag }) => tag === "a").map(({ attributes }) => attributes);
    expect(links.map(({ href }) => href)).toContain(url);
  });

  it("is bare unless it is told more, also right after a page that was not", async () => {
    renderPage(page, { kind: "user", name: "ann" });
    const elements = await parsePage(renderPage(page));
    expect(elements.find(({ tag }) => tag === "header")?.text).toBe("Stowage");
  });
});
