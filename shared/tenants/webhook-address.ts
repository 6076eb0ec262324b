// Where a webhook may be sent: never into our own network, whoever asks for it and however the address is written.
import { BlockList, isIP } from 'node:net';

export interface AddressPolicy {
  httpsOnly: boolean;
  /** For tests and laptops: receivers on this very machine. */
  allowLoopback: boolean;
}

export function addressPolicy(config: {
  production: boolean;
  WEBHOOK_ALLOW_LOOPBACK: boolean;
}): AddressPolicy {
  return {
    httpsOnly: config.production,
    allowLoopback: !config.production && config.WEBHOOK_ALLOW_LOOPBACK,
  };
}

function blockList(type: 'ipv4' | 'ipv6', subnets: string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [net = '', bits] = subnet.split('/');
    list.addSubnet(net, Number(bits), type);
  }
  return list;
}

/** What is not a public address of one host (IANA special-purpose registry), with every cloud's metadata service. */
const forbidden4 = blockList('ipv4', [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24', '192.88.99.0/24'],
  ...['192.168.0.0/16', '192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
  // Azure's WireServer has a public address, and answers machines there only.
  '168.63.129.16/32',
]);
/** Everything else of IPv6 is not routed in public, or is a way to write another address. */
const public6 = blockList('ipv6', ['2000::/3']);
const forbidden6 = blockList('ipv6', [
  // Teredo, ORCHID, benchmarks and other protocol assignments; documentation; 6to4; documentation again; AS112.
  ...['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20', '2620:4f:8000::/48'],
]);
const loopback4 = blockList('ipv4', ['127.0.0.0/8']);

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const [a, b, c, d] = dotted ? dotted.slice(2).map(Number) : [];
  const text = dotted
    ? `${dotted[1]}${((a ?? 0) * 256 + (b ?? 0)).toString(16)}:${((c ?? 0) * 256 + (d ?? 0)).toString(16)}`
    : address;
  const [head = '', tail] = text.split('::');
  const parse = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [left, right] = [parse(head), parse(tail ?? '')];
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
}

/** The IPv4 address that an IPv6 address stands for: mapped (RFC 4291), or behind a NAT64 (RFC 6052). */
function embedded4(address: string): string | undefined {
  const groups = groupsOf(address);
  const prefix = groups.slice(0, 6).join(',');
  if (prefix !== '0,0,0,0,0,65535' && prefix !== '100,65435,0,0,0,0') return undefined;
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 255])
    .join('.');
}

/** Whether nothing may be sent to this address, an IP address in any notation that Node takes. */
export function isForbiddenAddress(address: string, { allowLoopback }: AddressPolicy): boolean {
  const family = isIP(address);
  // A zone names one of our own interfaces.
  if (family === 0 || address.includes('%')) return true;
  if (family === 4) {
    if (loopback4.check(address)) return !allowLoopback;
    return forbidden4.check(address);
  }
  if (allowLoopback && groupsOf(address).join() === '0,0,0,0,0,0,0,1') return false;
  const inner = embedded4(address);
  if (inner !== undefined) return forbidden4.check(inner);
  return !public6.check(address, 'ipv6') || forbidden6.check(address, 'ipv6');
}

/** The host of a URL as an address, where it is one. */
export function literalAddress({ hostname }: URL): string | undefined {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(address) === 0 ? undefined : address;
}

/** Names of this very machine, wherever they are looked up (RFC 6761 section 6.3). */
const isLoopbackName = ({ hostname }: URL): boolean => /(?:^|\.)localhost\.?$/.test(hostname);

const urlLengthMax = 2000;

/** What is wrong with the URL of an endpoint; undefined: nothing. Names are looked up when something is sent. */
export function urlFault(text: string, policy: AddressPolicy): string | undefined {
  if (text.length > urlLengthMax || !URL.canParse(text) || /[\s\p{Cc}]/u.test(text)) return 'must be a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && (policy.httpsOnly || url.protocol !== 'http:')) {
    return policy.httpsOnly ? 'must begin with https://' : 'must begin with https:// or http://';
  }
  if (url.username !== '' || url.password !== '') return 'must not hold a name or a password';
  if (text.includes('#')) return 'must not have a fragment';
  const address = literalAddress(url);
  const isForbidden =
    address === undefined
      ? isLoopbackName(url) && !policy.allowLoopback
      : isForbiddenAddress(address, policy);
  if (isForbidden) return 'must be a public address';
  return undefined;
}
