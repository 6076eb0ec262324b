// The client's address: the peer's, unless the peer is a trusted proxy that says for whom it speaks.
import { BlockList, isIP } from 'node:net';

/** `::ffff:1.2.3.4` is 1.2.3.4 (RFC 4291 section 2.5.5.2). */
function normalise(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address.trim());
  return mapped?.[1] ?? address.trim();
}

function toBlockList(cidrs: string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', bits] = cidr.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/**
 * Reads X-Forwarded-For from right to left and stops at the first address that is not a trusted proxy:
 * everything left of it was written by somebody unknown.
 */
export function createAddressFinder(trusted: string[]): (headers: Headers, peer: string) => string {
  const proxies = toBlockList(trusted);
  const isProxy = (address: string) => {
    const family = isIP(address);
    return family !== 0 && proxies.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
  return (headers, peer) => {
    let client = normalise(peer);
    if (trusted.length === 0) return client;
    const chain = (headers.get('x-forwarded-for') ?? '').split(',').map(normalise).filter(Boolean);
    while (isProxy(client)) {
      const before = chain.pop();
      if (before === undefined || isIP(before) === 0) break;
      client = before;
    }
    return client;
  };
}
