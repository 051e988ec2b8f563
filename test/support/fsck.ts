// The check of `npm run fsck`, asked of a service by its own tests.

/** A service as it is asked here. */
interface Checked {
  tampered: ReadonlySet<string> | null;
  loginAsSystem(): Promise<string>;
  json<T>(method: string, path: string, body: unknown, bearer: string): Promise<T>;
}

interface Page {
  cursor: string | null;
  differences: { kind: string; subject: string; detail: string }[];
}

/** What is wrong with all that a service stores, every byte read again, but for what its tests broke. */
export async function findDifferences(service: Checked): Promise<string[]> {
  const { tampered } = service;
  if (tampered === null) {
    return [];
  }
  const system = await service.loginAsSystem();
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const from = cursor === null ? {} : { cursor };
    const page: Page = await service.json("POST", "/fsck", { ...from, deep: 100 }, system);
    const unexpected = page.differences.filter(({ kind }) => !tampered.has(kind));
    found.push(...unexpected.map(({ kind, subject, detail }) => `${kind} ${subject} (${detail})`));
    ({ cursor } = page);
  } while (cursor !== null);
  return found;
}
