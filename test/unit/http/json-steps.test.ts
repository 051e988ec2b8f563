// A large body becomes the values that JSON.parse() makes of it, in steps (T24, T36).

import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { parseJsonInSteps } from "../../../src/http/json-steps.ts";
import { LIMITS } from "../../../src/protocol/limits.ts";
import { Pace } from "../../../src/protocol/pace.ts";

const BOUNDS = { depth: 100, values: 1_000_000 };
const { jsonStep, jsonMember, workSlice } = LIMITS;

beforeEach(() => {
  Object.assign(LIMITS, { jsonStep: 8 });
});

afterEach(() => {
  Object.assign(LIMITS, { jsonStep, jsonMember, workSlice });
  vi.restoreAllMocks();
});

/** The value, or null where that is no JSON. */
async function parse(text: string): Promise<{ value: unknown } | null> {
  try {
    return await parseJsonInSteps(text, BOUNDS);
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError);
    return null;
  }
}

function plain(text: string): { value: unknown } | null {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}

/** As text again, which also tells the order of names and which are own. */
const again = (parsed: { value: unknown } | null) => parsed && JSON.stringify(parsed.value);

describe("parseJsonInSteps()", () => {
  it.each([
    '{"files":{"a":1,"b":[1,2,3],"c":{"d":1}},"data":{"x":"y, }","z":[]}}',
    '{"files":{"__proto__":{"a":1},"b":1,"constructor":2}}',
    '{"__proto__":{"aaaaaaaa":1,"bbbbbbbb":2}}',
    '{"files":{"a":"1111111","a":"2222222","a":"3333333"}}',
    '[[1,2,3,4,5,6,7,8],{"a":1,"b":2,"c":3}]',
    '{"files":{"a":1111111111,}}',
    '{"files":{"a":1111111111,,"b":1}}',
    '{"files":{,"a":1111111111}}',
    '{"files":{"a":1111111111],"b":1}}',
    '{"files":{"a":"quote \\" and \\\\","b":"é📦"}}',
    '{{"aaaaaaaaaa":1,"b":2}}',
    '{"a":{"bbbbbbbbbb":1,"c":2} {"d":1}}',
    "",
    "1",
    '"[{,"',
  ])("makes of %s what JSON.parse() makes", async (text) => {
    expect(again(await parse(text))).toBe(again(plain(text)));
  });

  it("makes the same of any text, damaged or not", async () => {
    const damaged = fc
      .tuple(fc.json({ maxDepth: 4 }), fc.nat(), fc.constantFrom("", ",", "}", "]", '"', "{", "\\"))
      .map(([text, place, mark]) => {
        const at = place % (text.length + 1);
        return text.slice(0, at) + mark + text.slice(at);
      });
    const property = fc.asyncProperty(damaged, async (text) => {
      expect(again(await parse(text))).toBe(again(plain(text)));
    });
    await fc.assert(property, { numRuns: 500 });
  });

  it("lets others in while it reads, at any shape", async () => {
    Object.assign(LIMITS, { jsonStep, workSlice: 100_000 });
    vi.spyOn(Date, "now").mockReturnValue(1);
    const rest = vi.spyOn(Pace.prototype, "rest");
    const members = Array.from({ length: 40_000 }, (_, n) => `"name ${n}":{"size":${n}}`);
    const parsed = await parse(`{"files":{${members.join(",")}}}`);
    expect(parsed).toHaveProperty("value.files.name 39999", { size: 39_999 });
    expect(rest.mock.calls.length).toBeGreaterThan(10);
  });

  it.each([
    ["a member that cannot be cut", `{"data":{"a":"${"x".repeat(2_000)}"}}`],
    [
      "very many outer members",
      `{${Array.from({ length: 1_100 }, (_, n) => `"${n}":0`).join(",")}}`,
    ],
    ["what is too deep", `${"[".repeat(101)}${"]".repeat(101)}`],
  ])("gives null for %s", async (_, text) => {
    Object.assign(LIMITS, { jsonMember: 1_000 });
    expect(await parseJsonInSteps(text, BOUNDS)).toBeNull();
  });
});
