/** R2, with the reads that were made of it. */
export class CountingBucket {
  reads = 0;
  bytes = 0;
  readonly #bucket: R2Bucket;

  constructor(bucket: R2Bucket) {
    this.#bucket = bucket;
  }

  async get(key: string, options?: R2GetOptions): Promise<R2ObjectBody | null> {
    this.reads += 1;
    const object = await this.#bucket.get(key, options ?? {});
    const { range } = object ?? {};
    this.bytes += range !== undefined && "length" in range ? (range.length ?? 0) : 0;
    return object;
  }
}
