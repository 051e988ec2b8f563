import { LOGIN_URL } from "../protocol/urls.ts";
import { formatCount } from "./format.ts";
import { Layout } from "./layout.tsx";

export interface LoginPageProps {
  /** The path to come back to. */
  next: string;
  /** The name that was typed before, or "". */
  name: string;
  problem: { code: "login_failed" | "login_too_often"; wait: number | null } | null;
}

/** The form for name and password. */
export function LoginPage({ next, name, problem }: LoginPageProps) {
  const described = problem === null ? {} : { "aria-describedby": "problem" };
  return (
    <Layout title={problem === null ? "Log in – Stowage" : "Error: Log in – Stowage"}>
      <h1>Log in</h1>
      {problem !== null && (
        <p class="warning" id="problem" role="alert">
          {textFor(problem)}
        </p>
      )}
      <form class="login" method="post" action={LOGIN_URL}>
        <input type="hidden" name="next" value={next} />
        <label htmlFor="name">Name</label>
        <input
          id="name"
          name="name"
          value={name}
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
          required
          autofocus={name === ""}
          {...described}
        />
        <label htmlFor="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="current-password"
          required
          autofocus={name !== ""}
          {...described}
        />
        <button class="button" type="submit">
          Log in
        </button>
      </form>
      <p class="note">Programs need no login: they send a token in the Token header.</p>
    </Layout>
  );
}

function textFor({ code, wait }: NonNullable<LoginPageProps["problem"]>): string {
  switch (code) {
    case "login_failed":
      return "Name or password is wrong. If you forgot the password, whoever runs this service can set a new one.";
    case "login_too_often":
      return `Too many failed logins. Try again in ${formatCount(wait ?? 1, "second")}.`;
  }
}
