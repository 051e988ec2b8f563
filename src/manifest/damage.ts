/** Thrown where the bytes of a manifest cannot be what was written: damaged, cut off, or from a newer service. */
export class ManifestDamage extends Error {
  override readonly name = "ManifestDamage";

  constructor(what: string) {
    super(`Cannot read the manifest: ${what}`);
  }
}
