// Both drivers against servers that misbehave: every call ends, in time, and nothing half is taken for whole.
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fetchWire } from './fetch-wire.ts';
import { sdkWire } from './sdk-wire.ts';
import { answerBytesMax, WireFailed, type WireRequest } from './wire.ts';

/** Of a call that is to end by it; the others have long, since the machine may be busy with more. */
const deadlineMs = 250;
let server: Server | TcpServer | undefined;

async function listen(made: Server | TcpServer): Promise<string> {
  server = made;
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
}
const serve = (listener: RequestListener) => listen(createServer(listener));

const uncaught: unknown[] = [];
const note = (error: unknown) => uncaught.push(error);
beforeEach(() => {
  uncaught.length = 0;
  process.on('uncaughtExceptionMonitor', note);
});
afterEach(() => {
  process.off('uncaughtExceptionMonitor', note);
  if (server && 'closeAllConnections' in server) server.closeAllConnections();
  server?.close();
  vi.restoreAllMocks();
  expect(uncaught).toEqual([]);
});

const requestTo = (baseUrl: string, changes: Partial<WireRequest> = {}): WireRequest => ({
  method: 'GET',
  path: '/v2/thing',
  headers: { authorization: 'Bearer secret-of-this-call' },
  deadlineMs: 20_000,
  baseUrl,
  ...changes,
});

const misbehaving: [string, RequestListener][] = [
  ['never answers', () => undefined],
  ['hangs up without a word', (request) => void request.socket.destroy()],
  ['resets the connection', (request) => void request.socket.resetAndDestroy()],
  [
    'sends a head and half a body, then nothing',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"id":"1"');
    },
  ],
  [
    'cuts a body of known length',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"id":"1"}', () => response.socket?.destroy());
    },
  ],
  [
    'cuts a chunked body',
    (_request, response) => void response.write('{"id":"1"}', () => response.socket?.destroy()),
  ],
  [
    'drips a byte at a time for ever',
    (_request, response) => {
      const drip = setInterval(() => response.write('1'), 20);
      response.on('close', () => clearInterval(drip));
    },
  ],
  [
    'sends more than anyone needs',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(Buffer.alloc(answerBytesMax + 1, 0x20));
    },
  ],
  [
    'sends a header without end',
    (_request, response) => {
      response.socket?.write(`HTTP/1.1 200 OK\r\nx-long: ${'x'.repeat(200_000)}\r\n\r\n`);
    },
  ],
  ['speaks no HTTP', (request) => void request.socket.end('hello there\r\n\r\n')],
  [
    'changes the protocol',
    (request) => {
      request.socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    },
  ],
];

/** Nothing but the clock can end these. */
const waits = new Set([
  'never answers',
  'sends a head and half a body, then nothing',
  'drips a byte at a time for ever',
]);

describe.each([
  ['sdk', sdkWire],
  ['fetch', fetchWire],
])('the %s driver', (_name, wire) => {
  test.each(misbehaving)('ends a call to a server that %s', async (what, listener) => {
    const printed = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    // What can be seen to have failed must not wait for the deadline.
    const deadline = waits.has(what) && { deadlineMs };
    const began = performance.now();
    const failure = await wire(requestTo(await serve(listener), { ...deadline })).then(
      (answer) => answer,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(WireFailed);
    expect(performance.now() - began).toBeLessThan(deadlineMs + 5000);
    expect(String((failure as Error).message)).not.toContain('secret-of-this-call');
    expect(printed).not.toHaveBeenCalled();
  });

  test('ends a call to a server that takes the connection and says nothing', async () => {
    const baseUrl = await listen(createTcpServer(() => undefined));
    await expect(wire(requestTo(baseUrl, { deadlineMs }))).rejects.toThrow(`${deadlineMs} ms`);
  });

  test('ends a call over TLS to a server that has none', async () => {
    const printed = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const baseUrl = await serve((_request, response) => void response.end('{}'));
    await expect(wire(requestTo(baseUrl.replace('http:', 'https:')))).rejects.toBeInstanceOf(WireFailed);
    expect(printed).not.toHaveBeenCalled();
  });

  test('ends a call to a place where nobody listens', async () => {
    const baseUrl = await serve(() => undefined);
    await new Promise((resolve) => server?.close(resolve));
    await expect(wire(requestTo(baseUrl))).rejects.toBeInstanceOf(WireFailed);
  });

  test.each([
    ['200 with JSON', 200, 'application/json', '{"a":"é","n":10.00,"big":12345678901234567890}'],
    ['200 with an array', 200, 'application/json', '[1]'],
    ['200 with null', 200, 'application/json', 'null'],
    ['200 with nothing', 200, 'application/json', ''],
    ['200 with broken JSON', 200, 'application/json', '{"a":'],
    ['200 with a web page', 200, 'text/html', '<html></html>'],
    ['400', 400, 'application/json;charset=utf-8', '{"name":"INVALID_REQUEST"}'],
    ['404 without a type', 404, '', 'gone'],
    ['502 with a web page', 502, 'text/html', '<html></html>'],
  ])('brings %s as it came', async (_what, status, type, text) => {
    const baseUrl = await serve((_request, response) => {
      response.writeHead(status, { ...(type && { 'content-type': type }), 'paypal-debug-id': 'abc' });
      response.end(text);
    });
    const answer = await wire(requestTo(baseUrl));
    expect(answer).toMatchObject({ status, text });
    expect(answer.headers['paypal-debug-id']).toBe('abc');
  });

  test('keeps signs whole that come in two parts', async () => {
    const bytes = Buffer.from('{"a":"€"}');
    const baseUrl = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(bytes.subarray(0, 7), () => setTimeout(() => response.end(bytes.subarray(7)), 20));
    });
    expect((await wire(requestTo(baseUrl))).text).toBe('{"a":"€"}');
  });

  test('does not follow a redirect, which would carry the bearer elsewhere', async () => {
    let calls = 0;
    const baseUrl = await serve((_request, response) => {
      calls += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    expect((await wire(requestTo(baseUrl))).status).toBe(302);
    expect(calls).toBe(1);
  });

  test('sends the body byte for byte, with the headers and the path as given', async () => {
    const body = '{"value":10.00,"id":12345678901234567890,"text":"\\u00e9é"}';
    let seen: unknown;
    const baseUrl = await serve(async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      const { method, url, headers } = request;
      seen = { method, url, key: headers['paypal-request-id'], body: Buffer.concat(parts).toString('utf8') };
      response.end('{}');
    });
    const headers = { 'paypal-request-id': 'k-1', 'content-type': 'application/json' };
    await wire(requestTo(baseUrl, { method: 'POST', path: '/v2/a%2Fb?c=d%20e', headers, body }));
    expect(seen).toEqual({ method: 'POST', url: '/v2/a%2Fb?c=d%20e', key: 'k-1', body });
  });

  test('keeps a path that the operator set before every other', async () => {
    let path: string | undefined;
    const baseUrl = await serve((request, response) => {
      path = request.url;
      response.end('{}');
    });
    await wire(requestTo(`${baseUrl}/paypal`));
    expect(path).toBe('/paypal/v2/thing');
  });

  test.each([
    ['a line break in a header', { headers: { authorization: 'Bearer a\r\nx-evil: 1' } }],
    ['a sign beyond Latin in a header', { headers: { authorization: 'Bearer ✓' } }],
    ['a header name with a space', { headers: { 'a b': 'c' } }],
    ['a path without a slash', { path: 'v2/thing' }],
    ['a path to another host', { path: '@evil.example/' }],
    ['dots in a path', { path: '/v2/thing/../../v1/other' }],
    ['escaped dots in a path', { path: '/v2/thing/%2e%2e/other' }],
    ['a space in a path', { path: '/v2/a b' }],
    ['a fragment in a path', { path: '/v2/a#b' }],
  ])('refuses %s before anything is sent, and does not repeat it', async (_what, changes) => {
    let calls = 0;
    const baseUrl = await serve((_request, response) => {
      calls += 1;
      response.end('{}');
    });
    const failure = await wire(requestTo(baseUrl, changes)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TypeError);
    expect(String(failure)).not.toMatch(/evil|✓/);
    expect(calls).toBe(0);
  });

  test('keeps calls that run at once apart', async () => {
    const baseUrl = await serve((request, response) => {
      const { url, headers } = request;
      const answer = JSON.stringify({ url, key: headers['paypal-request-id'], auth: headers.authorization });
      setTimeout(() => response.end(answer), Math.random() * 30);
    });
    const calls = Array.from({ length: 100 }, async (_, at) => {
      const headers = { 'paypal-request-id': `k-${at}`, authorization: `Bearer t-${at}` };
      const { text } = await wire(requestTo(baseUrl, { path: `/p/${at}`, headers }));
      expect(JSON.parse(text)).toEqual({ url: `/p/${at}`, key: `k-${at}`, auth: `Bearer t-${at}` });
    });
    await Promise.all(calls);
  });
});

test('the package finds nothing of one call in the next: no header stays behind', async () => {
  const seen: (string | undefined)[] = [];
  const baseUrl = await serve((request, response) => {
    seen.push(request.headers.authorization);
    response.end('{}');
  });
  await sdkWire(requestTo(baseUrl));
  await sdkWire(requestTo(baseUrl, { headers: {} }));
  expect(seen).toEqual(['Bearer secret-of-this-call', undefined]);
});
