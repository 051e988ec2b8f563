// The text format of Prometheus, version 0.0.4.

/** What the text is. */
export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** One metric with its samples; one whose value is null is left out. */
export interface Metric {
  name: string;
  type: "gauge" | "counter";
  help: string;
  samples: readonly Sample[];
}

interface Sample {
  labels?: Readonly<Record<string, string>>;
  value: number | null;
}

/** Writes metrics as text. */
export function formatMetrics(metrics: readonly Metric[]): string {
  return metrics.map(formatMetric).join("");
}

function formatMetric({ name, type, help, samples }: Metric): string {
  const lines = samples.flatMap(({ labels = {}, value }) =>
    value === null ? [] : [`${name}${formatLabels(labels)} ${value}`],
  );
  return lines.length === 0
    ? ""
    : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("\n")}\n`;
}

function formatLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
