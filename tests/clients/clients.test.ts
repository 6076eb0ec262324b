// The clients that an installation serves do what they promise against that very installation, in every language.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signWebhook } from '#shared/tenants/webhook-secrets.ts';
import { call } from '#tests/support/client.ts';
import { compileProgram, tell } from './programs.ts';
import { openStage, type Stage } from './stage.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const password = 'correct horse battery';
let stage: Stage;
let folder: string;
beforeAll(async () => {
  stage = await openStage();
  folder = mkdtempSync(join(tmpdir(), 'coinlane-clients-'));
  for (const file of ['coinlane.ts', 'coinlane.py'])
    writeFileSync(join(folder, file), await stage.source(file));
});
afterAll(async () => {
  await stage?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('served', () => {
  const fetchClient = (headers = {}) => call('GET', `${stage.system.url}/clients/coinlane.ts`, { headers });

  test('a client is sent once, and then only when it has changed', async () => {
    const first = await fetchClient();
    expect([first.status, first.headers.get('content-type')]).toEqual([
      200,
      'application/typescript; charset=utf-8',
    ]);
    const etag = first.headers.get('etag') ?? '';
    for (const known of [etag, `"other", W/${etag}`]) {
      const again = await fetchClient({ 'if-none-match': known });
      expect([again.status, again.body, again.headers.get('etag')]).toEqual([304, '', etag]);
    }
    expect((await fetchClient({ 'if-none-match': '"other"' })).status).toBe(200);
  });

  test('a language that there is not is not found', async () => {
    for (const file of ['coinlane.rb', 'coinlane.', '__proto__', 'wire.ts', '..%2fwire.ts'])
      expect((await call('GET', `${stage.system.url}/clients/${file}`)).body).toMatchObject({
        code: 'not_found',
      });
  });

  test('the command fetches what is served, and says so where nothing is', async () => {
    const run = (...args: string[]) => tell(root, [process.execPath, 'scripts/client.ts', ...args], stage);
    const [fetched, missing] = await Promise.all([
      run('python', join(folder, 'fetched.py'), '--url', stage.system.url),
      run('go', '--url', 'http://127.0.0.1:9'),
    ]);
    expect(fetched).toEqual({ code: 0, output: '' });
    expect(readFileSync(join(folder, 'fetched.py'), 'utf8')).toBe(await stage.source('coinlane.py'));
    expect([missing.code, missing.output]).toEqual([
      1,
      expect.stringContaining('No client at http://127.0.0.1:9'),
    ]);
  });

  test('every route of the document has a name of its own, and the clients call it by that', async () => {
    const { body } = await call('GET', `${stage.system.url}/openapi.json`);
    const documented = Object.values<Record<string, { operationId: string }>>(body.paths).flatMap((item) =>
      Object.values(item).map(({ operationId }) => operationId),
    );
    expect(documented.filter((name) => !/^[a-z][a-zA-Z]+\.[a-z][a-zA-Z]+$/.test(name))).toEqual([]);
    expect(new Set(documented).size).toBe(documented.length);
    expect(documented).toEqual(
      expect.arrayContaining(['wallet.spend', 'wallet.captureHold', 'operator.createTenant']),
    );
  });
});

test('the TypeScript client and a program on it pass the strictest compiler, and its mistakes do not', () => {
  expect(compileProgram(folder)).toEqual({ status: 0, stdout: '' });
});

describe('TypeScript', () => {
  // biome-ignore lint/suspicious/noExplicitAny: it is written by the system that was just started.
  let module: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  let user: any;
  beforeAll(async () => {
    module = await import(/* @vite-ignore */ pathToFileURL(join(folder, 'coinlane.ts')).href);
  });
  const open = (options: object, url = stage.system.url) => new module.Coinlane({ url, ...options });
  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => expect.fail('it went well'),
      (error) => error,
    );

  test('somebody registers, and the token comes from a callback that is told when the last was refused', async () => {
    const door = open({ tenant: stage.hooked.tenant.slug });
    const made = await door.account.register({ email: 'ts@example.com', password });
    const asked: boolean[] = [];
    user = open({
      accessToken: async (refused: boolean) => {
        asked.push(refused);
        return asked.length === 1 ? 'stale' : made.accessToken;
      },
    });
    expect((await user.account.profile()).email).toBe('ts@example.com');
    expect(asked).toEqual([false, true]);
    const wrong = await failure(door.account.login({ email: 'ts@example.com', password: 'wrong' }));
    expect(wrong).toMatchObject({ name: 'CoinlaneError', code: 'invalid_credentials', status: 401 });
  });

  test('coins are bought in the sandbox, spent, and a replay is the same operation', async () => {
    const bought = await user.wallet.buy({ pack: 'starter', provider: 'sandbox' }, { wait: 10 });
    await user.sandbox.payCheckout(bought.checkoutUrl.split('/').at(-1));
    expect(await user.settled(bought)).toMatchObject({ status: 'applied', balanceAfter: 500 });
    const key = { idempotencyKey: 'ts-sword', wait: 10 };
    const spent = await user.wallet.spend({ amount: 120 }, key);
    expect(spent).toMatchObject({ status: 'applied', balanceAfter: 380 });
    expect((await user.wallet.spend({ amount: 120 }, key)).id).toBe(spent.id);
    expect(await user.wallet.previewRefund({ operationId: spent.id })).toMatchObject({
      possible: true,
      coins: 120,
    });
  });

  test('a refusal is an exception with its code, waited for or settled', async () => {
    const waited = await failure(user.wallet.spend({ amount: 381 }, { wait: 10 }));
    expect(waited).toMatchObject({ code: 'insufficient_funds', status: 402, requestId: expect.any(String) });
    const settled = await failure(user.settled(await user.wallet.spend({ amount: 381 })));
    expect(settled).toMatchObject({ code: 'insufficient_funds', status: 402 });
    const invalid = await failure(user.wallet.spend({ amount: -1 }));
    expect(invalid).toMatchObject({ code: 'invalid_input', errors: [{ pointer: '/amount' }] });
  });

  test('a list is gone through to its end, or read page by page', async () => {
    for (let coins = 1; coins <= 3; coins += 1) await user.wallet.spend({ amount: coins }, { wait: 10 });
    const amounts: number[] = [];
    for await (const line of user.wallet.transactions({ limit: 2 })) amounts.push(line.amount);
    expect(amounts).toEqual([-3, -2, -1, -120, 500]);
    const page = await user.wallet.transactions({ limit: 2 });
    expect([page.data.length, page.hasMore]).toEqual([2, true]);
  });

  test('a line that fails three times, once after the work was done, makes one operation by one key', async () => {
    const { line, hooked } = stage;
    const platform = open({ secretKey: hooked.tenant.secretKey }, line.url);
    line.spoil(503, 502, 'lose');
    const body = { userId: hooked.userId, amount: 7, reference: 'ts-once' };
    const made = await platform.wallet.spend(body, { wait: 10 });
    expect(line.seen).toHaveLength(4);
    expect(new Set(line.seen.map(({ key }) => key)).size).toBe(1);
    expect(await platform.operations.list({ reference: 'ts-once' })).toMatchObject({
      data: [{ id: made.id }],
      hasMore: false,
    });
    line.spoil(503, 503);
    const hasty = open({ secretKey: hooked.tenant.secretKey, attemptsMax: 2 }, line.url);
    expect(await failure(hasty.wallet.spend(body))).toMatchObject({
      code: 'unexpected_answer',
      status: 503,
    });
  });

  test('what could be done twice is not tried twice', async () => {
    const { line, hooked } = stage;
    const door = open({ tenant: hooked.tenant.slug }, line.url);
    line.spoil('lose');
    const lost = await failure(door.account.register({ email: 'lost@example.com', password }));
    expect([lost.code, lost.status, line.seen.length]).toEqual(['connection_failed', 0, 1]);
    line.spoil(429);
    expect((await failure(door.account.login({ email: 'x@example.com', password }))).code).toBe(
      'invalid_credentials',
    );
  });

  test('a webhook of ours is believed under either secret, and nothing else is', async () => {
    const { delivery, hooked } = stage;
    const verify = (body: string, headers: object, secrets: string | string[], seconds?: number) =>
      module.verifyWebhook(body, headers, secrets, seconds);
    const event = await verify(delivery.body, delivery.headers, ['whsec_b3RoZXI=', hooked.secret]);
    expect(module.operationOf(event)).toMatchObject({ kind: 'grant', amount: 1000, status: 'applied' });
    const bytes = new TextEncoder().encode(delivery.body) as unknown as string;
    expect(
      (await verify(bytes, new Headers(delivery.headers as Record<string, string>), hooked.secret)).type,
    ).toBe(event.type);
    const at = Number(delivery.headers['webhook-timestamp']) - 301;
    const old = { name: 'msg_1', timestamp: at, body: '{}' };
    const stale = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(at),
      'webhook-signature': signWebhook([hooked.secret], old),
    };
    const refused: [string, object, string][] = [
      [delivery.body.replace('1000', '9000'), delivery.headers, hooked.secret],
      [delivery.body, { ...delivery.headers, 'webhook-id': 'msg_other' }, hooked.secret],
      [delivery.body, { ...delivery.headers, 'webhook-signature': 'v1,%%% v1, v2,x' }, hooked.secret],
      [delivery.body, {}, hooked.secret],
      [delivery.body, delivery.headers, 'whsec_b3RoZXI='],
      ['{}', stale, hooked.secret],
    ];
    for (const [body, headers, secret] of refused)
      expect(await failure(verify(body, headers, secret))).toMatchObject({ code: 'invalid_signature' });
    expect(await verify('{}', stale, hooked.secret, 400)).toEqual({});
  });
});

/** What the bad line saw of one operation: how often it was sent, and by how many keys. */
function sentOnce() {
  const keys = stage.line.seen.filter(({ path }) => path === '/wallet/spend').map(({ key }) => key);
  return [keys.length, new Set(keys).size];
}

test('Python: the same story', async ({ skip }) => {
  const found = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']);
  if (found.status !== 0) return skip('no Python 3.9 or newer here: install python3 to run this story');
  stage.line.spoil(503, 502, 'lose');
  const told = await tell(folder, ['python3', '-W', 'error', join(root, 'tests/clients/story.py')], stage);
  expect(told).toEqual({ code: 0, output: 'told to its end\n' });
  expect(sentOnce()).toEqual([4, 1]);
});

test('Go: the same story', { timeout: 120_000 }, async ({ skip }) => {
  if (spawnSync('go', ['version']).status !== 0)
    return skip("no Go here: install Debian's golang-go to run this story");
  mkdirSync(join(folder, 'coinlane'));
  writeFileSync(join(folder, 'go.mod'), 'module story\n\ngo 1.19\n');
  writeFileSync(join(folder, 'coinlane/coinlane.go'), await stage.source('coinlane.go'));
  copyFileSync(join(root, 'tests/clients/story.go'), join(folder, 'story.go'));
  stage.line.spoil(503, 502, 'lose');
  const told = await tell(folder, ['go', 'run', 'story.go'], stage);
  expect(told).toEqual({ code: 0, output: 'told to its end\n' });
  expect(sentOnce()).toEqual([4, 1]);
});
