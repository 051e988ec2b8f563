import { Routes } from "../app-env.ts";
import { requireSomebody } from "../auth/access.ts";

/** What Shaken Fist has and we do not: clients that list it find none, and delete none of it. */
export const absent = new Routes()
  .get("/instances", (c) => {
    requireSomebody(c.var.identity);
    return c.json([]);
  })
  .delete("/instances", (c) => {
    requireSomebody(c.var.identity);
    return c.json([]);
  })
  .get("/networks", (c) => {
    requireSomebody(c.var.identity);
    return c.json([]);
  })
  .delete("/networks", (c) => {
    requireSomebody(c.var.identity);
    return c.json([]);
  })
  .get("/nodes", (c) => {
    requireSomebody(c.var.identity);
    return c.json([]);
  });
