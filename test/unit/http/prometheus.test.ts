import { describe, expect, it } from "vitest";

import { formatMetrics } from "../../../src/http/prometheus.ts";

describe("formatMetrics", () => {
  it("writes help, type and samples, and escapes what labels hold", () => {
    const samples = [
      { value: 1.5 },
      { labels: { name: 'a"b\\c\nd', state: "on" }, value: 0 },
      { labels: { name: "none" }, value: null },
    ];
    expect(formatMetrics([{ name: "x_total", type: "counter", help: "Xs", samples }])).toBe(
      '# HELP x_total Xs\n# TYPE x_total counter\nx_total 1.5\nx_total{name="a\\"b\\\\c\\nd",state="on"} 0\n',
    );
  });

  it("leaves a metric out that has no value", () => {
    const samples = [{ value: null }];
    expect(formatMetrics([{ name: "x", type: "gauge", help: "Xs", samples }])).toBe("");
  });
});
