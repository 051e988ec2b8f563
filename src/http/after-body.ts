// What is to be done once the body of a request was read: whoever reads it need not know why.

const acts = new WeakMap<Request, () => Promise<void>>();

/** Has something done when the body of a request was read, which may refuse the request. */
export function afterBody(request: Request, act: () => Promise<void>): void {
  acts.set(request, act);
}

/** To be called by what reads a body, when all of it is there and before anything follows from it. */
export async function bodyWasRead(request: Request): Promise<void> {
  await acts.get(request)?.();
}
