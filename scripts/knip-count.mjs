// A knip reporter that says how many files were looked at; check.mjs fails a run over too few.

/** @param {{ counters: { total: number } }} result */
// oxlint-disable-next-line import/no-default-export -- what knip calls
export default function reportCount({ counters }) {
  console.log(`${counters.total} files`);
}
