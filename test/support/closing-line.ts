import type { Reporter, TestModule } from "vitest/node";

/** Ends a run with the plain line `N passed, N failed`, and fails a run that ran nothing. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    let skipped = 0;
    // What fails outside of a test fails the run as well.
    let failed = unhandledErrors.length;
    failed += modules.filter((module) => module.errors().length > 0).length;
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        passed += state === "passed" ? 1 : 0;
        failed += state === "failed" ? 1 : 0;
        skipped += state === "skipped" ? 1 : 0;
      }
    }
    if (passed === 0) {
      process.exitCode = 1;
    }
    const skips = skipped > 0 ? `, ${skipped} skipped` : "";
    console.log(`${passed} passed, ${failed} failed${skips}`);
  }
}
