// The hosted wallet's client against a scripted server: what it repeats, what it never does twice, when it gives up.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openApi, Refusal } from '#api/pages/wallet-api.js';

interface Seen {
  line: string;
  key: string | undefined;
  token: string | undefined;
}
type Answer = [status: number, body: object] | 'lost';

let server: Server;
let seen: Seen[];
let answer: (request: Seen) => Answer;
let kept: Map<string, unknown>;
let ended: number;
let api: ReturnType<typeof openApi>;

beforeEach(async () => {
  seen = [];
  ended = 0;
  server = createServer(async (request, response) => {
    const said = toSeen(request);
    seen.push(said);
    const reply = answer(said);
    if (reply === 'lost') return void request.socket.destroy();
    response.writeHead(reply[0], { 'content-type': 'application/json' }).end(JSON.stringify(reply[1]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const base = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  const realFetch = globalThis.fetch;
  // A page's own address is what its requests are relative to.
  vi.stubGlobal('fetch', (path: string, init: RequestInit) => realFetch(base + path, init));
  kept = new Map<string, unknown>([['session', { accessToken: 'old', refreshToken: 'rt-1' }]]);
  const store = {
    get: (name: string) => kept.get(name) ?? null,
    set: kept.set.bind(kept),
    drop: kept.delete.bind(kept),
  };
  api = openApi('acme', store, () => {
    ended += 1;
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
});

function toSeen(request: IncomingMessage): Seen {
  const { authorization, 'idempotency-key': key } = request.headers;
  return {
    line: `${request.method} ${request.url}`,
    key: key as string | undefined,
    token: authorization?.slice(7),
  };
}

const applied: Answer = [201, { id: 'op-1', status: 'applied', amount: 5 }];

describe('an access token that ran out', () => {
  const withRefresh =
    (refreshed: Answer) =>
    (request: Seen): Answer => {
      if (request.line === 'POST /token/refresh') return refreshed;
      return request.token === 'new' ? [200, { balance: 1 }] : [401, { code: 'unauthenticated' }];
    };

  test('is replaced once, however many requests met it at the same moment', async () => {
    answer = withRefresh([200, { accessToken: 'new', refreshToken: 'rt-2' }]);
    const calls = Array.from({ length: 5 }, () => api.call('GET', '/wallet/balance'));
    expect(await Promise.all(calls)).toEqual(Array(5).fill({ balance: 1 }));
    expect(seen.filter(({ line }) => line === 'POST /token/refresh').length).toBe(1);
    expect(kept.get('session')).toMatchObject({ refreshToken: 'rt-2' });
    expect(ended).toBe(0);
  });

  test('does not make a refusal of the repeated request end the session', async () => {
    answer = (request) => {
      if (request.line === 'POST /token/refresh') return [200, { accessToken: 'new', refreshToken: 'rt-2' }];
      return request.token === 'new' ? [422, { code: 'invalid_input' }] : [401, { code: 'unauthenticated' }];
    };
    await expect(api.call('POST', '/wallet/spend', { body: {} })).rejects.toMatchObject({ status: 422 });
    expect(ended).toBe(0);
  });

  test('and cannot be replaced ends the session', async () => {
    answer = withRefresh([401, { code: 'unauthenticated' }]);
    await expect(api.call('GET', '/wallet/balance')).rejects.toMatchObject({ status: 401 });
    expect(ended).toBe(1);
  });

  test('keeps the session while the server cannot be reached', async () => {
    answer = withRefresh('lost');
    await expect(api.call('GET', '/wallet/balance')).rejects.toMatchObject({ status: 0 });
    expect(ended).toBe(0);
  });
});

describe('an operation', () => {
  const spend = { amount: 5 };
  const keys = () => seen.map(({ key }) => key);

  test('whose answer was lost is sent again with the same key', async () => {
    answer = () => (seen.length === 1 ? 'lost' : applied);
    expect(await api.operate('/wallet/spend', spend)).toMatchObject({ status: 'applied' });
    expect(keys().length).toBe(2);
    expect(new Set(keys()).size).toBe(1);
  });

  test('that was given up keeps its key for the next try of the same intent', async () => {
    answer = () => 'lost';
    await expect(api.operate('/wallet/spend', spend)).rejects.toBeInstanceOf(Refusal);
    answer = () => applied;
    await api.operate('/wallet/spend', spend);
    expect(keys().length).toBe(4);
    expect(new Set(keys()).size).toBe(1);
  });

  test('that was done or refused is over: the same again is a new intent', async () => {
    answer = () => applied;
    await api.operate('/wallet/spend', spend);
    answer = () => [402, { code: 'insufficient_funds' }];
    await expect(api.operate('/wallet/spend', spend)).rejects.toMatchObject({ code: 'insufficient_funds' });
    answer = () => applied;
    await api.operate('/wallet/spend', spend);
    expect(new Set(keys()).size).toBe(3);
  });

  test('that is still on its way is followed until its outcome is known', async () => {
    answer = ({ line }) => {
      if (line === 'POST /wallet/spend') return [202, { id: 'op-1', status: 'accepted' }];
      return [200, { id: 'op-1', status: 'rejected', reason: 'wallet_frozen' }];
    };
    await expect(api.operate('/wallet/spend', spend)).rejects.toMatchObject({ code: 'wallet_frozen' });
    expect(seen.map(({ line }) => line)).toEqual(['POST /wallet/spend', 'GET /operations/op-1']);
  });

  test('that a person must decide on first is not watched for', async () => {
    answer = () => [202, { id: 'op-1', status: 'accepted', reason: 'held_for_review' }];
    await expect(api.operate('/wallet/spend', spend)).rejects.toMatchObject({ code: 'held_for_review' });
    expect(seen.length).toBe(1);
  });
});
