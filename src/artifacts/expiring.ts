import { openDatabase } from "../catalog/database.ts";
import { limitExpiry } from "../catalog/publish/upload-homes.ts";
import type { CatalogDesk } from "../uploads/context.ts";

/** The catalog as upload objects need it, which also ends artifacts when their upload said so: after the batch that shows
 * them, and before the upload counts as sealed, so that a repeat after a crash does it. */
export function expiringDesk(env: Pick<Env, "DB">, desk: CatalogDesk): CatalogDesk {
  const db = openDatabase(env.DB);
  return {
    ...desk,
    async publish(sealed) {
      const published = await desk.publish(sealed);
      const { intent } = sealed;
      if (published.ok && "expiresAt" in intent && intent.expiresAt !== undefined) {
        await limitExpiry(db, published.result.artifactUuid, intent.expiresAt);
      }
      return published;
    },
    async beginExplode(uuid, intent, archive) {
      const begun = await desk.beginExplode(uuid, intent, archive);
      if (begun.ok && intent.expiresAt !== undefined) {
        await limitExpiry(db, begun.artifactUuid, intent.expiresAt);
      }
      return begun;
    },
  };
}
