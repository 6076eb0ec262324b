// What the sandbox's adapter reads of lists and webhooks, against a server that says what the test wants.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Config } from '#shared/config/env.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import type { PaymentProvider } from './provider.ts';
import { createSandboxProvider } from './sandbox.ts';

const tenant = { slug: 'acme' } as Tenant;
const keyring = createKeyring(['a-secret-key-for-the-adapter-test']);
const range = { from: new Date(0), to: new Date(1000) };
const changesOf = (provider: PaymentProvider) => Array.fromAsync(provider.listChanges(tenant, range));

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function providerOf(listener: RequestListener) {
  const own = createServer(listener);
  server = own;
  await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve));
  const sandboxUrl = `http://127.0.0.1:${(own.address() as AddressInfo).port}`;
  return createSandboxProvider({ config: { sandboxUrl, PROVIDER_CALL_MS: 3000 } as Config, keyring });
}

describe('a list of changes', () => {
  const change = (second: number, ref = `sbx_${second}`) => ({
    object: 'checkout',
    ref,
    changedAt: `2030-01-01T00:00:0${second}.000001Z`,
  });

  test('is read page by page, each from where the last one ended', async () => {
    const queries: (string | null)[] = [];
    const provider = await providerOf((incoming, response) => {
      const query = new URL(incoming.url!, 'http://sandbox').searchParams;
      queries.push(query.get('afterRef'));
      expect([query.get('from'), query.get('to')]).toEqual(
        [range.from, range.to].map((at) => at.toISOString()),
      );
      const isFirst = query.get('after') === null;
      const data = isFirst ? [change(1), change(1, 'sbx_2')] : [change(3)];
      response.end(JSON.stringify({ data, hasMore: isFirst }));
    });
    expect(await changesOf(provider)).toEqual(
      ['sbx_1', 'sbx_2', 'sbx_3'].map((ref) => ({ about: 'checkout', ref })),
    );
    expect(queries).toEqual([null, 'sbx_2']);
  });

  test.each([
    ['is empty and goes on', () => []],
    ['comes again', () => [change(1)]],
    ['goes back', (page: number) => [change(9 - page)]],
  ])('that %s ends', async (_what, dataOf) => {
    let page = 0;
    const provider = await providerOf((_incoming, response) => {
      response.end(JSON.stringify({ data: dataOf(page++), hasMore: true }));
    });
    await expect(changesOf(provider)).rejects.toThrow('does not move on');
    expect(page).toBeLessThanOrEqual(2);
  });
});

describe('the sandbox', () => {
  test.each([true, false])('may be bought through unless it is production: %s', (production) => {
    const provider = createSandboxProvider({ config: { production } as Config, keyring });
    expect(provider.isConfigured(tenant)).toBe(!production);
  });
});

describe('a hint', () => {
  const provider = createSandboxProvider({ config: {} as Config, keyring });
  const read = (value: unknown) => provider.readHint(Buffer.from(JSON.stringify(value)));

  test('names the object to fetch', () => {
    expect(read({ data: { object: 'checkout', ref: 'a' } })).toEqual({ about: 'checkout', ref: 'a' });
    expect(read({ data: { object: 'refund', ref: 'b' } })).toEqual({ about: 'refund', ref: 'b' });
    expect(read({ data: { object: 'dispute', ref: 'c' } })).toEqual({ about: 'dispute', ref: 'c' });
  });

  test('of an unknown form is none', () => {
    expect(read({ data: { object: 'payout', ref: 'a' } })).toBeUndefined();
    expect(read([])).toBeUndefined();
    expect(provider.readHint(Buffer.from('not json'))).toBeUndefined();
  });
});
