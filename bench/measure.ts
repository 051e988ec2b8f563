// Runs of ours and of the bare Worker in turn, and what becomes of their figures.

import type { Subject } from "./subject.ts";

/** What a row must be: a bound of the ratio, or of our own figure. */
export type Target = { of: "ratio" | "ours" } & ({ atLeast: number } | { atMost: number });

/** A line of the table. `ratio` is ours to bare, with the smallest and the largest of the pairs in `spread`;
 * null where there is nothing to compare with. */
export interface Row {
  job: string;
  unit: string;
  ours: number;
  bare: number | null;
  ratio: number | null;
  spread: [number, number] | null;
  target: string | null;
  met: boolean | null;
}

/** Both sides of a measurement. */
export interface Sides {
  ours: Subject;
  bare: Subject;
}

/** The figures of all runs, and the growth of both processes. */
export interface Pairs {
  ours: number[];
  bare: number[];
  growth: { ours: number | null; bare: number | null };
}

/** Measures both sides in turn, so often, and then what stands beside them. A run gives its figure. */
export async function runPairs(
  { ours, bare }: Sides,
  count: number,
  run: {
    ours: (round: number) => Promise<number>;
    bare: (round: number) => Promise<number>;
    beside?: (round: number) => Promise<void>;
  },
): Promise<Pairs> {
  const pairs: Pairs = { ours: [], bare: [], growth: { ours: null, bare: null } };
  for (let round = 0; round < count; round += 1) {
    for (const [name, subject] of Object.entries({ ours, bare }) as ["ours" | "bare", Subject][]) {
      const { result, growth } = await subject.watchMemory(() => run[name](round));
      pairs[name].push(result);
      pairs.growth[name] = largest(pairs.growth[name], growth);
    }
    await run.beside?.(round);
  }
  return pairs;
}

function largest(one: number | null, other: number | null): number | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other);
}

/** The row of some pairs. */
export function toRow(
  job: string,
  unit: string,
  { ours, bare }: Pick<Pairs, "ours" | "bare">,
  target: Target | null = null,
): Row {
  const ratios = ours.map((value, at) => value / (bare[at] ?? Number.NaN));
  const isCompared = bare.length > 0;
  const row = {
    job,
    unit,
    ours: rounded(median(ours)),
    bare: isCompared ? rounded(median(bare)) : null,
    ratio: isCompared ? rounded(median(ratios)) : null,
    spread: isCompared
      ? ([Math.min(...ratios), Math.max(...ratios)].map(rounded) as [number, number])
      : null,
  };
  return { ...row, ...judge(target, row) };
}

/** How much a process grew during a job. */
export function memoryRow(job: string, { growth }: Pairs, atMost: number | null): Row[] {
  if (growth.ours === null) {
    return [];
  }
  const bare = growth.bare === null ? null : rounded(growth.bare);
  const row = { job: `${job}: memory`, unit: "MiB", ours: rounded(growth.ours), bare };
  const target = atMost === null ? null : ({ of: "ours", atMost } as const);
  return [{ ...row, ratio: null, spread: null, ...judge(target, { ...row, ratio: null }) }];
}

function judge(
  target: Target | null,
  row: Pick<Row, "ours" | "ratio">,
): Pick<Row, "target" | "met"> {
  if (target === null) {
    return { target: null, met: null };
  }
  const value = row[target.of];
  const [sign, bound] =
    "atLeast" in target ? ([">=", target.atLeast] as const) : (["<=", target.atMost] as const);
  const met = value === null ? null : sign === ">=" ? value >= bound : value <= bound;
  return { target: `${target.of} ${sign} ${bound}`, met };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
}

/** Three digits are all that a measurement is good for. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
