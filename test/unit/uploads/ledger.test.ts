import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { newUuid } from "../../../src/protocol/ids.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { Ledger } from "../../../src/uploads/ledger.ts";
import { offsetOf } from "../../../src/uploads/state.ts";
import { bytes } from "../support/bytes.ts";

const NO_PARTS = { parts: new Map(), boundaries: [] };

/** All that a ledger knows. */
function describeLedger(ledger: Ledger) {
  const { state } = ledger;
  const tail = ledger.tail.read(state?.tailLength ?? 0).toHex();
  return {
    state,
    checksums: ledger.checksums().digests(),
    tail,
    leftovers: ledger.leftovers.list(),
  };
}

function append(ledger: Ledger, kind: "replace" | "extend", added: Uint8Array, at: number): void {
  const checksums = ledger.checksums();
  checksums.update(added);
  ledger.append({ ...NO_PARTS, tail: { kind, bytes: added }, checksums: checksums.save(), at });
}

const step = fc.record({
  does: fc.constantFrom("extend", "extend", "extend", "replace", "fail", "cut", "restart"),
  size: fc.oneof(fc.constantFrom(0, 1, LIMITS.tailRowJoin), fc.nat(20_000)),
});

describe("a ledger's memory", () => {
  it("is what the rows say after any appends, failures and cuts", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), (steps) =>
        runInDurableObject(env.UPLOADS.getByName(newUuid()), (_object, { storage }) => {
          let ledger = new Ledger(storage);
          ledger.open(newUuid(), 1, 1);
          let content = new Uint8Array();
          for (const [index, { does, size }] of steps.entries()) {
            const added = bytes(size, index);
            switch (does) {
              case "replace":
              case "extend":
                append(ledger, does, added, 2 + index);
                content = new Uint8Array([...(does === "extend" ? content : []), ...added]);
                break;
              case "fail":
                // Not a number, so NULL: the last statement fails, after the tail's.
                expect(() => append(ledger, "extend", added, Number.NaN)).toThrow("NOT NULL");
                break;
              case "cut":
                content = content.slice(0, size);
                ledger.cut(0, content, ledger.checksums().save());
                break;
              case "restart":
                ledger = new Ledger(storage);
            }
            expect(describeLedger(ledger)).toEqual(describeLedger(new Ledger(storage)));
            expect(ledger.state && offsetOf(ledger.state)).toBe(content.length);
            expect(ledger.tail.read(content.length)).toEqual(content);
          }
        }),
      ),
      { numRuns: 40 },
    );
  });
});
