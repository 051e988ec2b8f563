// Node 24 has no Uint8Array.prototype.toHex yet, which the Worker uses.

if (!("toHex" in Uint8Array.prototype)) {
  Reflect.defineProperty(Uint8Array.prototype, "toHex", {
    value(this: Uint8Array) {
      return Buffer.from(this.buffer, this.byteOffset, this.length).toString("hex");
    },
  });
}
