import { app } from "./app.ts";
import { expiringDesk } from "./artifacts/expiring.ts";
import { catalogDesk } from "./artifacts/publish.ts";
import { sweep } from "./artifacts/sweep.ts";
import { requireSchema } from "./catalog/schema-number.ts";
import { DraftObjectBase } from "./drafts/draft-object.ts";
import { readSettings } from "./settings.ts";
import { UploadObjectBase } from "./uploads/upload-object.ts";

/** The Durable Object behind the binding UPLOADS. */
export class UploadObject extends UploadObjectBase {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, expiringDesk(env, catalogDesk(env)));
  }
}

/** The Durable Object behind the binding DRAFTS. */
export class DraftObject extends DraftObjectBase {}

export default {
  fetch: app.fetch,
  async scheduled(_controller, env) {
    const { uploadIdleMs, auditMs } = readSettings(env);
    const now = Date.now();
    await requireSchema(env.DB, now);
    const report = await sweep(env, uploadIdleMs, now, auditMs);
    console.log(JSON.stringify({ event: "sweep", ...report }));
  },
} satisfies ExportedHandler<Env>;
