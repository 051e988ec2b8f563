import { Routes } from "../app-env.ts";
import { probeBucket } from "../blobs/probe.ts";
import { isFull } from "../catalog/size.ts";
import { probeCatalog } from "../catalog/upkeep/metrics.ts";
import { AppError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";

/** GET /healthz: 200 while the catalog and R2 answer, a full catalog too; which of them does not is for the log. */
export const health = new Routes().get("/", async (c) => {
  try {
    await Promise.all([inTime(probeCatalog(c.env.DB)), inTime(probeBucket(c.env.BUCKET))]);
  } catch (error) {
    console.error(`Request ${c.var.requestId} found the service unhealthy`, error);
    throw new AppError("storage_unavailable");
  }
  c.header("Cache-Control", "no-store");
  return c.json({ status: "ok", catalog_full: isFull() });
});

async function inTime(probe: Promise<void>): Promise<void> {
  await Promise.race([probe, failLate()]);
}

async function failLate(): Promise<never> {
  await scheduler.wait(LIMITS.healthProbe);
  throw new Error("Cannot get an answer in time");
}
