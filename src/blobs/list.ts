// What is in R2, for the check of everything (artifacts/fsck).

import { objectSize } from "./objects.ts";

export interface ListedObject {
  key: string;
  size: number;
  /** Milliseconds. */
  uploadedAt: number;
}

/** A page of the bucket, by key; `next` leads on, null is the end. */
export async function listObjects(
  bucket: R2Bucket,
  cursor: string | null,
  limit: number,
): Promise<{ objects: ListedObject[]; next: string | null }> {
  const page = await bucket.list({ limit, ...(cursor === null ? {} : { cursor }) });
  const objects = page.objects.map(({ key, size, uploaded }) => ({
    key,
    size,
    uploadedAt: uploaded.getTime(),
  }));
  return { objects, next: page.truncated ? page.cursor : null };
}

/** R2 answers six calls at once. */
const AT_ONCE = 6;

/** The sizes of objects by their keys; null where there is none. */
export async function objectSizes(
  bucket: R2Bucket,
  keys: Iterable<string>,
): Promise<Map<string, number | null>> {
  const sizes = new Map<string, number | null>();
  const waiting = new Set(keys).values();
  const ask = async () => {
    for (const key of waiting) {
      sizes.set(key, await objectSize(bucket, key));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return sizes;
}
