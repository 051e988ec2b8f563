import type { UploadContext } from "./context.ts";
import { failExplosion } from "./refuse-archive.ts";
import { isHopeless } from "./state.ts";

/** Opens an upload again whose seal, or explosion, is hopeless, unless the catalog has or may have something of it: the
 * sweep then ends it, or its fetch, which has failed. Without this it would be tried again for ever, and counted as open. */
export async function giveUpHopeless(context: UploadContext): Promise<void> {
  const { ledger, desk } = context;
  const { state } = ledger;
  if (state === null || !isHopeless(state, Date.now()) || (await desk.isPublished(state.uuid))) {
    return;
  }
  const explosion = ledger.explosion.read();
  if (state.phase === "sealing" && "draft" in state.intent) {
    return; // its draft may have taken it, and knows an answer as soon as it answers
  }
  if (explosion === null) {
    ledger.reopen();
    if (state.fetch !== null) {
      ledger.noteFetch({ ...state.fetch, failure: "it could not be stored for days" });
    }
  } else if (!explosion.isPublished) {
    await failExplosion(context, { message: "it could not be read for days", again: "at once" });
  }
}
