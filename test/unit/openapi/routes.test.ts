// SECURITY.md: ASVS 6.3.4.

import { describe, expect, it } from "vitest";

import written from "../../../public/openapi.json?raw";
import { termsOf } from "../../../src/api/route-terms.ts";
import { app } from "../../../src/app.ts";
import { buildDocument } from "../../../src/openapi/document.ts";
import { ERRORS } from "../../../src/protocol/errors.ts";

/** Middleware is registered for all methods. */
const ROUTES = app.routes.filter(({ method }) => method !== "ALL");

const OPERATIONS = Object.entries(buildDocument().paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
);

/** The route that a request for an operation comes to, with something in the place of each parameter: a number
 * suits all. */
function routeOf(operation: string): string | null {
  const [method = "", path = ""] = operation.split(" ");
  const [handlers] = app.router.match(method, path.replaceAll(/\{\w+\}/gu, "7"));
  for (const [[, route]] of handlers) {
    if (route.method !== "ALL") {
      return `${route.method} ${route.path}`;
    }
  }
  return null;
}

interface Described {
  parameters: { name: string; in: string }[];
  requestBody?: object;
  responses: Record<string, { description: string }>;
}

describe("the API document", () => {
  it("has only operations that come to a route, or to a file", () => {
    expect(OPERATIONS.length).toBeGreaterThan(20);
    expect(OPERATIONS.filter((operation) => routeOf(operation) === null)).toEqual([
      "GET /openapi.json",
    ]);
  });

  it("has an operation for each route", () => {
    expect(ROUTES.length).toBeGreaterThan(20);
    const described = new Set(OPERATIONS.map(routeOf));
    const routes = ROUTES.map(({ method, path }) => `${method} ${path}`);
    expect(routes.filter((route) => !described.has(route))).toEqual([]);
  });

  it("describes the parameters and bodies that each route takes, or that it ignores others", () => {
    for (const [path, methods] of Object.entries(buildDocument().paths)) {
      for (const [method, described] of Object.entries(methods)) {
        const operation = `${method.toUpperCase()} ${path}`;
        const { parameters, requestBody, responses } = described as unknown as Described;
        const isStrict = responses[400]?.description.includes(ERRORS.query_unknown.message);
        const query = parameters.filter((each) => each.in === "query").map(({ name }) => name);
        // A body of GET is left alone, and so are those of what is not here.
        const isLeft = method === "get" || /^\/(?:instances|networks)$/u.test(path);
        const terms = { query, body: isLeft || requestBody !== undefined };
        const route = routeOf(operation);
        const taken = route === null ? null : termsOf(route);
        expect([operation, taken]).toEqual([operation, isStrict === true ? terms : null]);
      }
    }
  });

  it("is public/openapi.json, as `npm run openapi` writes it", () => {
    expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify(buildDocument())));
  });
});
