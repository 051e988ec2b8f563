import type { Area, Parameters, Reply } from "./operation.ts";

const NEXT: Parameters = {
  next: {
    description: "The path to go to then; one on another site leads to the start page",
    schema: { type: "string" },
  },
};

const FORM: Reply = { description: "The form", content: { "text/html": { type: "string" } } };

function goOn(description: string): Reply {
  return { description, headers: { Location: "Where to go on" } };
}

export const sessions: Area = {
  name: "Sessions",
  description: "People who log in with a browser",
  refusalsFor: "people",
  ignoresUnknown: true,
  operations: {
    "GET /login": {
      summary: "Show the form to log in",
      who: "anyone",
      query: NEXT,
      replies: { 200: FORM, 303: goOn("Logged in already") },
      refusals: ["login_insecure", "page_private"],
    },
    "POST /login": {
      summary: "Log in",
      description:
        "A form with `name`, `password` and `next`. Sets the cookie `__Host-stowage` (HttpOnly, Secure, SameSite=Lax), and `__Host-stowage-device`, by which the browser is known at its next login. Only from a page of this site.",
      who: "anyone",
      query: NEXT,
      body: { bytes: "The form", mediaType: "application/x-www-form-urlencoded" },
      replies: { 303: goOn("Logged in") },
      refusals: [
        "request_malformed",
        "request_incomplete",
        "request_stalled",
        "login_failed",
        "login_too_often",
        "login_insecure",
        "secrets_busy",
        "cross_site_request",
      ],
    },
    "GET /logout": {
      summary: "Show who is logged in, with the button to log out",
      who: "anyone",
      replies: { 200: { ...FORM, description: "The page" } },
    },
    "POST /logout": {
      summary: "Log out",
      who: "anyone",
      replies: { 303: goOn("Logged out") },
      refusals: ["cross_site_request"],
    },
  },
};
