/** Rejects unless R2 answers; the key need not be there. */
export async function probeBucket(bucket: R2Bucket): Promise<void> {
  await bucket.head("healthz");
}
