import { describe, expect, it } from "vitest";

import type { ArchivePiece } from "../../../src/archive/entry.ts";
import { CHUNK_SIZE, PieceReader } from "../../../src/archive/piece-reader.ts";
import { concat, inOrder, makeMember, noise } from "./members.ts";

/** Reads all chunks, each copied before the next is asked for. */
async function chunksOf(pieces: ArchivePiece[]): Promise<Uint8Array[]> {
  const reader = new PieceReader(inOrder(pieces));
  const chunks: Uint8Array[] = [];
  for (let chunk = await reader.read(); chunk !== null; chunk = await reader.read()) {
    chunks.push(chunk.slice());
  }
  return chunks;
}

function inMemory(bytes: Uint8Array): ArchivePiece {
  return { kind: "bytes", bytes };
}

describe("PieceReader", () => {
  it("gives whole chunks and a last shorter one, wherever the pieces end", async () => {
    const bytes = noise(2 * CHUNK_SIZE + 100);
    const chunks = await chunksOf([
      inMemory(bytes.slice(0, 10)),
      { kind: "member", entry: makeMember("a", bytes.slice(10, 5000), { cut: 7 }) },
      inMemory(new Uint8Array()),
      { kind: "member", entry: makeMember("b", bytes.slice(5000, CHUNK_SIZE + 1), { cut: 3000 }) },
      inMemory(bytes.slice(CHUNK_SIZE + 1)),
    ]);
    expect(chunks.map((chunk) => chunk.length)).toEqual([CHUNK_SIZE, CHUNK_SIZE, 100]);
    expect((await concat(chunks)).toHex()).toBe(bytes.toHex());
  });

  it("cuts bytes at hand that are longer than a chunk, and leaves them as they are", async () => {
    const bytes = noise(3 * CHUNK_SIZE);
    const chunks = await chunksOf([inMemory(bytes)]);
    expect(chunks.map((chunk) => chunk.length)).toEqual([CHUNK_SIZE, CHUNK_SIZE, CHUNK_SIZE]);
    expect((await concat(chunks)).toHex()).toBe(noise(3 * CHUNK_SIZE).toHex());
    expect(bytes).toHaveLength(3 * CHUNK_SIZE);
  });

  it("gives null for no pieces, and again when asked again", async () => {
    const reader = new PieceReader(inOrder([]));
    expect(await reader.read()).toBeNull();
    expect(await reader.read()).toBeNull();
  });

  it("refuses an empty member that has bytes", async () => {
    const entry = makeMember("liar", noise(1), { size: 0 });
    const reader = new PieceReader(inOrder<ArchivePiece>([{ kind: "member", entry }]));
    await expect(reader.read()).rejects.toThrow('Cannot archive "liar": it has more than its 0');
  });
});
