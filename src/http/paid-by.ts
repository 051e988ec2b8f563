// On whose behalf a request holds memory: whoever reads its body need not know who asks.

const payers = new WeakMap<Request, string>();

/** Says with whom a request takes turns: those of one payer are one among others, however many they are. */
export function setPayer(request: Request, payer: string): void {
  payers.set(request, payer);
}

/** Who that is; of a request that nobody was found for, nobody. */
export function payerOfRequest(request: Request): string {
  return payers.get(request) ?? "";
}
