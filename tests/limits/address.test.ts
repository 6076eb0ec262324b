// Whose request it is: how addresses are written, and which word of whom about them counts.
import { describe, expect, test } from 'vitest';
import {
  canonicalAddress,
  createAddressFinder,
  createAddressList,
  networkOf,
  warnOnce,
} from '#api/middleware/address.ts';

const forwarded = (...values: string[]) => {
  const headers = new Headers();
  for (const value of values) headers.append('x-forwarded-for', value);
  return headers;
};

test.each([
  ['1.2.3.4', '1.2.3.4'],
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['::FFFF:102:304', '1.2.3.4'],
  ['0:0:0:0:0:ffff:1.2.3.4', '1.2.3.4'],
  ['::ffff:ff00:1', '255.0.0.1'],
  ['2001:DB8:0:0::1', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  // Only the mapped form is an IPv4 address.
  ['::1.2.3.4', '::102:304'],
  ['unknown', 'unknown'],
])('52 the address %s is %s', (written, canonical) => {
  expect(canonicalAddress(written)).toBe(canonical);
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['1:0:0:2:3:4:5:6', '1:0:0:2::/64'],
  ['2001:db8::', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('52 the address %s is counted as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

describe('52 X-Forwarded-For', () => {
  const find = createAddressFinder(['10.0.0.0/8', '2001:db8:aaaa::/48']);

  test.each([
    ['of a stranger is ignored', '203.0.113.9', ['198.51.100.1'], '203.0.113.9'],
    ['of a proxy names the client', '10.0.0.1', ['198.51.100.1'], '198.51.100.1'],
    ['of a proxy on a socket for both families counts', '::ffff:10.0.0.1', ['198.51.100.1'], '198.51.100.1'],
    ['of a proxy on IPv6 counts', '2001:db8:aaaa::5', ['198.51.100.1'], '198.51.100.1'],
    [
      'is read from the right: what the client wrote is left of it',
      '10.0.0.1',
      ['6.6.6.6, 198.51.100.1'],
      '198.51.100.1',
    ],
    ['skips proxies before the proxy', '10.0.0.1', ['6.6.6.6, 198.51.100.1, 10.9.9.9'], '198.51.100.1'],
    [
      'ends at the first stranger, also when proxies stand left of it',
      '10.0.0.1',
      ['10.1.1.1, 198.51.100.1'],
      '198.51.100.1',
    ],
    ['in several headers is one list', '10.0.0.1', ['6.6.6.6', '198.51.100.1', '10.9.9.9'], '198.51.100.1'],
    ['may carry ports', '10.0.0.1', ['6.6.6.6:1, 198.51.100.1:5678, 10.9.9.9:443'], '198.51.100.1'],
    ['may carry brackets and ports', '10.0.0.1', ['[2001:DB8::1]:443'], '2001:db8::1'],
    ['may carry brackets alone', '10.0.0.1', ['[2001:db8::1]'], '2001:db8::1'],
    ['may name a mapped address', '10.0.0.1', ['::ffff:c633:6401'], '198.51.100.1'],
    ['with nonsense ends at the proxy that wrote it', '10.0.0.1', ['198.51.100.1, unknown'], '10.0.0.1'],
    ['with nonsense further left does no harm', '10.0.0.1', ['<script>, 198.51.100.1'], '198.51.100.1'],
    ['that names proxies only ends at the leftmost', '10.0.0.1', ['10.3.3.3, 10.2.2.2'], '10.3.3.3'],
    ['that is empty says nothing', '10.0.0.1', [' , '], '10.0.0.1'],
  ])('%s', (_promise, peer, values, client) => {
    expect(find(forwarded(...values), peer)).toBe(client);
  });

  test('is believed of nobody where no proxy is set', () => {
    expect(createAddressFinder([])(forwarded('198.51.100.1'), '127.0.0.1')).toBe('127.0.0.1');
  });

  test('of a peer that is no trusted proxy is warned of once, with the setting to look at', () => {
    const lines: string[] = [];
    const ignored = warnOnce({ warn: (about, text) => void lines.push(`${JSON.stringify(about)} ${text}`) });
    const warned = createAddressFinder(['10.0.0.1'], ignored);
    warned(new Headers(), '172.16.0.1');
    warned(forwarded('198.51.100.1'), '10.0.0.1');
    expect(lines).toEqual([]);
    for (let i = 0; i < 3; i += 1) warned(forwarded('198.51.100.1'), '172.16.0.1');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/172\.16\.0\.1.*TRUSTED_PROXIES/);
  });
});

test.each([
  [['::/0'], ['::1', '2001:db8::1'], ['1.2.3.4', '::ffff:1.2.3.4']],
  [['0.0.0.0/0'], ['1.2.3.4', '::ffff:102:304'], ['::1']],
  [['::ffff:10.0.0.0/104'], ['10.1.2.3', '::ffff:10.1.2.3'], ['11.0.0.1', '::1']],
  [
    ['192.0.2.7', '2001:db8::/32'],
    ['192.0.2.7', '2001:DB8:ffff::1'],
    ['192.0.2.8', '2001:db9::1', 'unknown', ''],
  ],
  [[], [], ['1.2.3.4', '::1']],
])('52 the list %j has %j and not %j', (cidrs, inside, outside) => {
  const list = createAddressList(cidrs);
  expect(inside.filter((address) => !list.has(address))).toEqual([]);
  expect(outside.filter((address) => list.has(address))).toEqual([]);
});
