// Every way to write an address inside our own network, and what stays open beside them.
import { describe, expect, test } from 'vitest';
import { isForbiddenAddress, urlFault } from './webhook-address.ts';

const strict = { httpsOnly: true, allowLoopback: false };
const laptop = { httpsOnly: false, allowLoopback: true };

describe('an address', () => {
  test.each([
    ...['0.0.0.0', '0.1.2.3', '10.1.2.3', '100.64.0.1', '100.100.100.200', '127.0.0.1', '127.255.255.255'],
    ...['169.254.169.254', '169.254.170.2', '172.16.0.1', '172.31.255.255', '192.168.1.1', '192.0.0.192'],
    ...[
      '192.0.2.1',
      '198.18.0.1',
      '198.51.100.1',
      '203.0.113.1',
      '224.0.0.1',
      '255.255.255.255',
      '168.63.129.16',
    ],
    ...['::', '::1', 'fe80::1', 'fe80::1%eth0', 'fec0::1', 'fc00::1', 'fd00:ec2::254', 'ff02::1', '100::1'],
    ...['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:a9fe:a9fe', '0:0:0:0:0:ffff:10.0.0.1', '::127.0.0.1'],
    ...['64:ff9b::7f00:1', '64:ff9b::169.254.169.254', '64:ff9b::10.0.0.1', '64:ff9b:1::a00:1'],
    ...['2001::1', '2001:db8::1', '2002:7f00:1::', '3fff::1', '5f00::1', '2001:10::1', '::ffff:0:127.0.0.1'],
    ...['', 'localhost', '127.1', '0x7f000001'],
  ])('%s is never sent to', (address) => {
    expect(isForbiddenAddress(address, strict)).toBe(true);
  });

  test.each([
    ...['1.1.1.1', '8.8.8.8', '100.63.255.255', '100.128.0.1', '172.15.0.1', '172.32.0.1', '192.167.0.1'],
    ...[
      '223.255.255.255',
      '2606:4700:4700::1111',
      '2a00:1450:4001:810::200e',
      '::ffff:8.8.8.8',
      '64:ff9b::808:808',
    ],
  ])('%s is public', (address) => {
    expect(isForbiddenAddress(address, strict)).toBe(false);
  });

  test('of this machine is open to a laptop that says so, and nothing else is', () => {
    const open = (address: string) => !isForbiddenAddress(address, laptop);
    expect(['127.0.0.1', '127.0.0.2', '::1'].map(open)).toEqual([true, true, true]);
    const others = ['0.0.0.0', '::', '10.0.0.1', '169.254.169.254', '::ffff:127.0.0.1', '64:ff9b::7f00:1'];
    expect(others.filter(open)).toEqual([]);
  });
});

describe('the URL of an endpoint', () => {
  test.each([
    ['https://hooks.example/coins?x=1', undefined],
    ['https://hooks.example:8443/', undefined],
    ['http://hooks.example/', 'must begin with https://'],
    ['ftp://hooks.example/', 'must begin with https://'],
    ['javascript:alert(1)', 'must begin with https://'],
    ['hooks.example', 'must be a URL'],
    ['https://hooks.example/ x', 'must be a URL'],
    [`https://hooks.example/${'x'.repeat(2000)}`, 'must be a URL'],
    ['https://name:word@hooks.example/', 'must not hold a name or a password'],
    ['https://hooks.example/#part', 'must not have a fragment'],
    // What Node reads as 127.0.0.1.
    ...[
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '127.1',
      '[::1]',
      '[::ffff:7f00:1]',
      '[64:ff9b::a9fe:a9fe]',
      '0',
    ].map((host): [string, string] => [`https://${host}/`, 'must be a public address']),
    ['https://169.254.169.254/latest/meta-data', 'must be a public address'],
    ...['localhost', 'LOCALHOST.', 'hooks.localhost', 'localhost:8443'].map((host): [string, string] => [
      `https://${host}/`,
      'must be a public address',
    ]),
    ['https://notlocalhost/', undefined],
    ['https://localhost.example/', undefined],
  ])('%s: %s', (url, fault) => {
    expect(urlFault(url, strict)).toBe(fault);
  });

  test('may be plain on a laptop, and on this machine where that is allowed', () => {
    expect(urlFault('http://127.0.0.1:3000/', laptop)).toBeUndefined();
    expect(urlFault('http://hooks.example/', { ...laptop, allowLoopback: false })).toBeUndefined();
    for (const host of ['127.0.0.1', 'localhost']) {
      expect(urlFault(`http://${host}/`, { ...laptop, allowLoopback: false })).toBe(
        'must be a public address',
      );
      expect(urlFault(`http://${host}/`, laptop)).toBeUndefined();
    }
    expect(urlFault('ftp://hooks.example/', laptop)).toBe('must begin with https:// or http://');
  });
});
