// What leaves goes to checked addresses over real TLS, is bounded in time and size, and follows nobody elsewhere.
import type { LookupAddress } from 'node:dns';
import { createServer } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { signWebhook } from '#shared/tenants/webhook-secrets.ts';
import { type SendOptions, sendWebhook } from '#workers/webhooks/send.ts';
import { startTenantServer, type TenantServer } from './tenant-server.ts';
import { testCertificate } from './test-certificate.ts';

const laptop: SendOptions = { policy: { httpsOnly: false, allowLoopback: true }, msMax: 2000 };
const strict: SendOptions = { policy: { httpsOnly: false, allowLoopback: false }, msMax: 2000 };
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

let tls: TenantServer;
let plain: TenantServer;
beforeEach(async () => {
  tls = await startTenantServer(testCertificate);
  plain = await startTenantServer();
});
afterEach(() => Promise.all([tls.close(), plain.close()]));

function send(url: string, options: SendOptions, secrets = [secret]) {
  const message = { name: 'msg_1', timestamp: Math.floor(Date.now() / 1000), body: '{"type":"é"}' };
  const headers = {
    'content-type': 'application/json',
    'webhook-id': message.name,
    'webhook-timestamp': String(message.timestamp),
    'webhook-signature': signWebhook(secrets, message),
  };
  return sendWebhook({ url, headers, body: message.body }, options);
}
const to = (...addresses: string[]) => {
  const asked: string[] = [];
  const resolve = async (hostname: string): Promise<LookupAddress[]> => {
    asked.push(hostname);
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  return { resolve, asked };
};
const portOf = (url: string) => new URL(url).port;

describe('over TLS', () => {
  const trusted = getCACertificates('default');
  beforeAll(() => setDefaultCACertificates([...trusted, testCertificate.cert]));
  afterAll(() => setDefaultCACertificates(trusted));

  test('a webhook arrives whole, and the reference library accepts it', async () => {
    expect(await send(tls.url, laptop)).toEqual({ code: 204, detail: null });
    expect(tls.verified(secret)).toMatchObject([{ id: 'msg_1', type: 'é' }]);
    expect(tls.received[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': '13',
    });
  });

  test('while two secrets count either verifies it, and a third does not', async () => {
    const other = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
    await send(tls.url, laptop, [other, secret]);
    expect(tls.verified(secret)).toHaveLength(1);
    expect(tls.verified(other)).toHaveLength(1);
    expect(() => tls.verified(`whsec_${Buffer.alloc(32, 9).toString('base64')}`)).toThrow(/signature/i);
  });

  test('the connection goes to the address that was checked, and the certificate is still held to the name', async () => {
    const { resolve, asked } = to('127.0.0.1');
    const url = `https://hooks.example:${portOf(tls.url)}/hooks`;
    expect(await send(url, { ...laptop, resolve })).toMatchObject({ code: 204 });
    expect(asked).toEqual(['hooks.example']);
    const wrong = `https://other.example:${portOf(tls.url)}/hooks`;
    const result = await send(wrong, { ...laptop, resolve });
    expect([result.code, result.detail]).toEqual([
      null,
      expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
    ]);
    expect(tls.received).toHaveLength(1);
  });

  test('a name that leads inside once it has been checked leads nowhere else: it is looked up once for each webhook', async () => {
    const answers = [['127.0.0.1'], ['169.254.169.254']];
    const asked: string[] = [];
    const resolve = async (hostname: string) => {
      asked.push(hostname);
      return (answers.shift() ?? []).map((address) => ({ address, family: 4 }));
    };
    const url = `https://hooks.example:${portOf(tls.url)}/hooks`;
    expect(await send(url, { ...laptop, resolve })).toMatchObject({ code: 204 });
    expect(asked).toHaveLength(1);
    // The next webhook looks again, and is not fooled by what was right before.
    expect(await send(url, { ...laptop, resolve })).toEqual({
      code: null,
      detail: 'the address is not a public one',
    });
    expect([asked.length, tls.received.length]).toEqual([2, 1]);
  });
});

test('a certificate that nobody vouches for is refused', async () => {
  expect(await send(tls.url, laptop)).toMatchObject({
    code: null,
    detail: expect.stringContaining('self-signed'),
  });
  expect(tls.received).toEqual([]);
});

describe('nothing is sent to', () => {
  test.each([
    '127.0.0.1',
    '2130706433',
    '0x7f.0.0.1',
    'localhost',
    'LOCALHOST',
    '[::1]',
    '[::ffff:127.0.0.1]',
  ])('this machine as %s', async (host) => {
    const result = await send(`http://${host}:${portOf(plain.url)}/hooks`, strict);
    expect(result).toMatchObject({ code: null, detail: expect.stringContaining('public') });
    expect(plain.received).toEqual([]);
  });

  test.each([
    ['this machine', ['127.0.0.1']],
    ['a private network', ['10.0.0.8']],
    ['metadata', ['169.254.169.254']],
    ['a mapped address', ['::ffff:127.0.0.1']],
    ['an address behind NAT64', ['64:ff9b::7f00:1']],
    ['one good and one bad address', ['93.184.215.14', '127.0.0.1']],
  ])('a name of %s', async (_what, addresses) => {
    const { resolve } = to(...addresses);
    const result = await send(`http://hooks.example:${portOf(plain.url)}/`, { ...strict, resolve });
    expect(result).toEqual({ code: null, detail: 'the address is not a public one' });
    expect(plain.received).toEqual([]);
  });

  test('plain http, where https is asked for', async () => {
    const policy = { httpsOnly: true, allowLoopback: true };
    const result = await send(plain.url, { ...laptop, policy });
    expect(result).toEqual({ code: null, detail: 'the URL must begin with https://' });
    expect(plain.received).toEqual([]);
  });

  test('where a redirect leads', async () => {
    const elsewhere = await startTenantServer();
    for (const status of [301, 302, 303, 307, 308]) {
      plain.next = [{ status, headers: { location: elsewhere.url } }];
      const result = await send(plain.url, laptop);
      expect(result).toEqual({ code: status, detail: `answered ${status}: redirects are not followed` });
    }
    expect([plain.received.length, elsewhere.received.length]).toEqual([5, 0]);
    await elsewhere.close();
  });
});

describe('a receiver', () => {
  test.each([
    [200, null],
    [202, null],
    [400, 'answered 400'],
    [410, 'answered 410'],
    [500, 'answered 500'],
  ])('that answers %i: %s', async (status, detail) => {
    plain.next = [status];
    expect(await send(plain.url, laptop)).toEqual({ code: status, detail });
  });

  test('that says nothing is left when time is up', async () => {
    plain.always = { hangMs: 10_000 };
    const started = performance.now();
    expect(await send(plain.url, { ...laptop, msMax: 300 })).toEqual({
      code: null,
      detail: 'no answer within 300 ms',
    });
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test('whose name is never answered is left as well', async () => {
    const resolve = () => new Promise<LookupAddress[]>(() => undefined);
    const result = await send('http://hooks.example/', { ...laptop, msMax: 200, resolve });
    expect(result.detail).toBe('no answer within 200 ms');
  });

  test('that drips its answer is left when time is up, and one that pours it is cut off', async () => {
    let sent = 0;
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (request) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n');
        const drips = request.includes('/drip');
        const timer = setInterval(
          () => {
            const part = drips ? Buffer.alloc(1) : Buffer.alloc(64 * 1024);
            sent += part.length;
            socket.write(part);
          },
          drips ? 50 : 1,
        );
        socket.once('close', () => clearInterval(timer));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const dripped = await send(`http://127.0.0.1:${port}/drip`, { ...laptop, msMax: 400 });
    expect(dripped).toEqual({ code: null, detail: 'no answer within 400 ms' });
    sent = 0;
    expect(await send(`http://127.0.0.1:${port}/pour`, laptop)).toEqual({ code: 200, detail: null });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(sent).toBeLessThan(20_000_000);
    await new Promise((resolve) => server.close(resolve));
  });

  test.each([
    [
      'endless headers',
      `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(5000)}`,
      /HPE_HEADER_OVERFLOW|hang up|ECONNRESET/,
    ],
    ['what is no HTTP', 'hello\r\n\r\n', /HPE_/],
    ['half an answer', 'HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf', /aborted|broke off/],
    ['nothing, and hangs up', '', /hang up|ECONNRESET/],
  ])('that answers with %s is a failure, and nothing worse', async (_what, text, detail) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(text));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const result = await send(`http://127.0.0.1:${port}/`, laptop);
    expect(result).toEqual({ code: null, detail: expect.stringMatching(detail) });
    await new Promise((resolve) => server.close(resolve));
  });

  test('that is not there is a failure that says why', async () => {
    await plain.close();
    expect((await send(plain.url, laptop)).detail).toContain('ECONNREFUSED');
    const gone = async () => Promise.reject(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }));
    expect((await send('http://hooks.example/', { ...laptop, resolve: gone })).detail).toContain('ENOTFOUND');
    expect((await send('http://hooks.example/', { ...laptop, ...to() })).detail).toContain('no address');
  });
});
