/**
 * The network of a client's address, within which addresses cost nothing: an IPv4 address itself, of an
 * IPv6 address its first 64 bits. Text that is no address stands for itself.
 */
export function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) {
    return address;
  }
  const [head = "", tail] = address.toLowerCase().split("::");
  const front = groupsOf(head);
  const back = groupsOf(tail ?? "");
  const gap = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...Array.from({ length: gap }, () => "0"), ...back];
  return `${groups.slice(0, 4).join(":")}::/64`;
}

/** Is a network this very machine? */
export function isLoopback(network: string): boolean {
  return network.startsWith("127.") || network === networkOf("::1");
}

function groupsOf(text: string): string[] {
  return text === "" ? [] : text.split(":").map((group) => group.replace(/^0+(?=.)/u, ""));
}
