import type { Content } from "./content.ts";
import type { Row, Sides } from "./measure.ts";
import type { Stowage } from "./stowage.ts";

/** What a job works with. */
export interface Bench {
  sides: Sides;
  stowage: Stowage;
  /** Files that uploads left, by their size, for the jobs that read them. */
  uploaded: Map<number, { url: string; content: Content }>;
  /** Gives both sides new processes: memory that a preparation took would hide what a job takes. */
  restart: () => Promise<void>;
  /** A size or count for the scale of this run, not below `least`. */
  scaled: (full: number, least: number) => number;
  /** How many pairs of runs: fewer where the scale is small. */
  rounds: (full: number) => number;
}

/** Something measured; its name selects it on the command line. */
export interface Job {
  name: string;
  run(bench: Bench): Promise<Row[]>;
}
