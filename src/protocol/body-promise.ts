/** What the headers of a request say of its body, beside its length. */
export interface BodyPromise {
  /** The boundary that a form would have, "" where the header does not tell it; null: the body is not called a form. */
  boundary: string | null;
  /** Digests that it must have. */
  digests: readonly BodyDigest[];
}

export interface BodyDigest {
  algorithm: DigestAlgorithm;
  hex: string;
}

/** As node:crypto names them. */
export type DigestAlgorithm = "sha512" | "sha256" | "sha1" | "md5";
