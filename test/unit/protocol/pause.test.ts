import { describe, expect, it } from "vitest";

import { LIMITS } from "../../../src/protocol/limits.ts";
import { pauseAfter } from "../../../src/protocol/pause.ts";

describe("pauseAfter()", () => {
  it("makes a call that keeps failing take about five seconds with all its attempts", () => {
    Object.assign(LIMITS, { storagePause: 330 }); // other tests of this process wait for nothing
    expect(LIMITS.storageAttempts).toBe(5);
    const rounds = Array.from({ length: LIMITS.storageAttempts - 1 }, (_, at) => at + 1);
    for (let time = 0; time < 100; time += 1) {
      const total = rounds.map(pauseAfter).reduce((sum, pause) => sum + pause);
      expect(total).toBeGreaterThan(3_700);
      expect(total).toBeLessThan(6_200);
    }
    Object.assign(LIMITS, { storagePause: 0 });
  });
});
