// The client's address: the peer's, unless the peer is a trusted proxy that says for whom it speaks.
import { BlockList, isIP } from 'node:net';

/** As the operating system writes the address of an IPv4 peer of a socket for both. */
const mappedPeer = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const mapped = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/;

/**
 * One way to write each address (RFC 5952): `::ffff:1.2.3.4` and `::ffff:102:304` are 1.2.3.4 (RFC 4291
 * section 2.5.5.2), and no zone is named. What is no address stays as it is.
 */
export function canonicalAddress(text: string): string {
  const address = text.trim().replace(/%.*$/, '');
  if (isIP(address) !== 6) return address;
  const peer = mappedPeer.exec(address)?.[1];
  if (peer !== undefined) return peer;
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const halves = mapped
    .exec(canonical)
    ?.slice(1)
    .map((half) => Number.parseInt(half, 16));
  return halves ? halves.flatMap((half) => [half >> 8, half & 255]).join('.') : canonical;
}

/** Whom a rate counts: an IPv4 address, or the /64 of an IPv6 one, within which anybody has 2^64 addresses. */
export function networkOf(address: string): string {
  const canonical = canonicalAddress(address);
  if (isIP(canonical) !== 6) return canonical;
  const [head = [], tail = []] = canonical.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`;
}

/** Proxies add ports to what they forward: `1.2.3.4:5678`, `[2001:db8::1]:443`. */
function forwardedAddress(entry: string): string {
  const text = entry.trim();
  const host = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1];
  return canonicalAddress(host ?? text);
}

export interface AddressList {
  /** False for what is no address. */
  has(address: string): boolean;
}

/** IPv4 and IPv6 apart: one list of both would take `::/0` for every IPv4 address, too. */
export function createAddressList(cidrs: string[]): AddressList {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  const familyOf = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');
  for (const cidr of cidrs) {
    const [written = '', given] = cidr.split('/');
    const full = isIP(written) === 6 ? 128 : 32;
    const bits = given === undefined ? full : Number(given);
    const canonical = canonicalAddress(written);
    // A range within the mapped addresses is a range of IPv4; one that is wider is of IPv6 only.
    const isMapped = full === 128 && isIP(canonical) === 4;
    const [address, size] = isMapped
      ? bits >= 96
        ? [canonical, bits - 96]
        : [written, bits]
      : [canonical, bits];
    const family = familyOf(address);
    lists[family].addSubnet(address, size, family);
  }
  return {
    has(address) {
      const canonical = canonicalAddress(address);
      const family = familyOf(canonical);
      return isIP(canonical) !== 0 && lists[family].check(canonical, family);
    },
  };
}

/**
 * Reads X-Forwarded-For from right to left and stops at the first address that is not a trusted proxy:
 * everything left of it was written by somebody unknown. Several headers are one list (RFC 9110 section
 * 5.3). `onIgnored` hears of a header that came from a peer that is not trusted.
 */
export function createAddressFinder(
  trusted: string[],
  onIgnored: (peer: string) => void = () => undefined,
): (headers: Headers, peer: string) => string {
  const proxies = createAddressList(trusted);
  return (headers, peer) => {
    let client = canonicalAddress(peer);
    const forwarded = headers.get('x-forwarded-for');
    if (forwarded === null) return client;
    if (!proxies.has(client)) {
      onIgnored(client);
      return client;
    }
    const chain = forwarded.split(',').map(forwardedAddress).filter(Boolean);
    while (proxies.has(client)) {
      const before = chain.pop();
      if (before === undefined || isIP(before) === 0) break;
      client = before;
    }
    return client;
  };
}

/** A warning at the first header that is ignored: a proxy that nobody named makes all users one address. */
export function warnOnce(log: { warn(about: object, text: string): void }): (peer: string) => void {
  let warned = false;
  return (peer) => {
    if (warned) return;
    warned = true;
    log.warn(
      { peer },
      'X-Forwarded-For came from an address that is not in TRUSTED_PROXIES and is ignored. If it is your proxy, ' +
        'add it there: until then all its users share one address, one rate limit and one IP rule.',
    );
  };
}
