import type { Context } from "hono";

import type { AppEnv } from "../app-env.ts";
import { isUploadUuid } from "../auth/upload-uuids.ts";
import { isNotedUpload } from "../catalog/publish/uploads.ts";
import { AppError } from "../protocol/errors.ts";
import { parseUuid } from "../protocol/ids.ts";
import type { Uuid } from "../protocol/ids.ts";

/** An upload's uuid as a client gives it. To ask an upload object is to make it, so one that was made up is refused before;
 * the catalog knows those that the service opened for itself, or under another secret. */
export async function requireUploadUuid(c: Context<AppEnv>, text: string): Promise<Uuid> {
  const uuid = parseUuid(text);
  const { tokenSecret } = c.var.settings;
  if (uuid !== null && (await isUploadUuid(uuid, tokenSecret, Date.now()))) {
    return uuid;
  }
  if (uuid === null || !(await isNotedUpload(c.env.DB, uuid))) {
    throw new AppError("upload_not_found");
  }
  return uuid;
}
