import { expect, it } from "vitest";

import { userContentHeaders } from "../../../src/http/user-content.ts";

it("userContentHeaders() sandboxes the content and keeps other sites from embedding it", () => {
  expect(userContentHeaders()).toEqual({
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
  });
});
