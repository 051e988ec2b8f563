import { LOGIN_URL, LOGOUT_URL } from "../protocol/urls.ts";
import { Layout } from "./layout.tsx";

/** Asks before it logs out: a link alone must not, as other sites can lead to it. `user` is null for nobody. */
export function LogoutPage({ user }: { user: string | null }) {
  return (
    <Layout title="Log out – Stowage">
      <h1>Log out</h1>
      {user === null ? (
        <p>
          You are not logged in. <a href={LOGIN_URL}>Log in</a>
        </p>
      ) : (
        <form method="post" action={LOGOUT_URL}>
          <p>
            You are logged in as <b>{user}</b>.
          </p>
          <button class="button" type="submit">
            Log out
          </button>
        </form>
      )}
    </Layout>
  );
}
