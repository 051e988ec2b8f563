// BENCH_PROFILE=1: where the time of a run goes, in our Worker and in the simulators behind it. Each is an isolate
// of the one process, and workerd's inspector profiles each by itself.

/** What the inspector says of an isolate. */
interface Target {
  id: string;
  webSocketDebuggerUrl: string;
}

/** The part of a V8 profile that is used here. */
interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples?: number[];
  timeDeltas?: number[];
}

/** Milliseconds of an isolate, by function; its own time, not that of what it calls. */
interface Spent {
  isolate: string;
  ms: number;
  functions: [name: string, ms: number][];
}

const SAMPLE_US = 500;
const SHOWN_ISOLATES = 6;
const SHOWN_FUNCTIONS = 14;

/** The isolate ran nothing, or the runtime's own code, which the inspector does not tell apart. */
const NOT_SCRIPT = new Set(["(idle)", "(root)", "(program)"]);

/** Profiles all isolates while something runs, and prints what took the most time. */
export async function profile<T>(inspector: URL, title: string, work: () => Promise<T>) {
  const list = await fetch(`http://${inspector.host}/json/list`);
  const targets = (await list.json()) as Target[];
  const sessions = await Promise.all(targets.map(startSession));
  const result = await work();
  const spent = await Promise.all(sessions.map(({ stop }) => stop()));
  print(title, spent);
  return result;
}

async function startSession({ id, webSocketDebuggerUrl }: Target) {
  const socket = new WebSocket(webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", reject);
  });
  let last = 0;
  const waiting = new Map<number, (result: unknown) => void>();
  socket.addEventListener("message", ({ data }) => {
    const answer = JSON.parse(String(data)) as { id?: number; result?: unknown };
    waiting.get(answer.id ?? 0)?.(answer.result);
  });
  const call = (method: string, params: object = {}) =>
    new Promise<unknown>((resolve) => {
      last += 1;
      waiting.set(last, resolve);
      socket.send(JSON.stringify({ id: last, method, params }));
    });
  await call("Profiler.enable");
  await call("Profiler.setSamplingInterval", { interval: SAMPLE_US });
  await call("Profiler.start");
  const stop = async () => {
    const { profile: taken } = (await call("Profiler.stop")) as { profile: Profile };
    socket.close();
    return toSpent(id, taken);
  };
  return { stop };
}

function toSpent(isolate: string, { nodes, samples = [], timeDeltas = [] }: Profile): Spent {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [
      id,
      functionName.startsWith("(")
        ? functionName
        : `${functionName || "anonymous"} ${url.slice(url.lastIndexOf("/") + 1)}:${lineNumber + 1}`,
    ]),
  );
  const byName = new Map<string, number>();
  samples.forEach((node, at) => {
    const name = names.get(node) ?? "";
    if (!NOT_SCRIPT.has(name)) {
      // A long gap is one in which nothing ran: the function is only the last that did.
      const us = Math.min(timeDeltas[at] ?? 0, 2 * SAMPLE_US);
      byName.set(name, (byName.get(name) ?? 0) + us / 1000);
    }
  });
  const functions = [...byName].toSorted(([, one], [, other]) => other - one);
  return { isolate, ms: functions.reduce((sum, [, ms]) => sum + ms, 0), functions };
}

function print(title: string, spent: readonly Spent[]): void {
  const busy = spent.toSorted((one, other) => other.ms - one.ms).slice(0, SHOWN_ISOLATES);
  console.log(`\nWhere the time went: ${title}`);
  for (const { isolate, ms, functions } of busy.filter((each) => each.ms > 1)) {
    console.log(`  ${ms.toFixed(0).padStart(6)} ms  ${isolate}`);
    for (const [name, own] of functions.slice(0, SHOWN_FUNCTIONS)) {
      console.log(`    ${own.toFixed(0).padStart(6)}  ${name}`);
    }
  }
}
