// The door for providers' webhooks: only what the provider signed, lately, for this tenant, comes in, and once.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signatureHeader, signWebhook, webhookSecret } from '#api/sandbox/signature.ts';
import { type Answer, call } from '#tests/support/client.ts';
import { operatorToken, type System } from '#tests/support/system.ts';
import { openShop, type Shop, startShopSystem } from './shop.ts';

let system: System;
let shop: Shop;
let other: Shop;

beforeAll(async () => {
  system = await startShopSystem('webhooks');
  shop = await openShop(system);
  other = await openShop(system);
});
afterAll(() => system?.close());

let count = 0;
const newEvent = () => {
  count += 1;
  const body = {
    id: `evt_${count}`,
    type: 'checkout.paid',
    data: { object: 'checkout', ref: 'sbx_unknown' },
  };
  return Buffer.from(JSON.stringify(body));
};

const secretOf = (slug: string) => webhookSecret(system.services.keyring, slug);
const sign = (raw: Buffer, { slug = shop.tenant.slug, atMs = Date.now() } = {}) =>
  signWebhook(secretOf(slug), raw, atMs);

async function deliver(
  raw: Buffer,
  signature: string | undefined,
  path = `sandbox/${shop.tenant.slug}`,
): Promise<Answer> {
  return call('POST', `${system.url}/webhooks/${path}`, {
    body: raw.toString(),
    headers: signature === undefined ? {} : { [signatureHeader]: signature },
  });
}

const stored = () =>
  shop.sql<{ event_id: string; body: Buffer; status: string; headers: Record<string, string> }>(
    `select event_id, body, status, headers from coinlane.provider_events where tenant = $1 order by received_at`,
    [shop.tenant.slug],
  );

const seconds = 1000;

describe('a signature', () => {
  const refused: [string, (raw: Buffer) => string | undefined][] = [
    ['that is missing', () => undefined],
    ['that is empty', () => ''],
    ['that is no signature', () => 'hello'],
    ['without a time', (raw) => sign(raw).replace(/^t=\d+,/, '')],
    ['without an HMAC', (raw) => sign(raw).replace(/,v1=.*/, '')],
    ['of other bytes', () => sign(Buffer.from('{}'))],
    ['with one digit changed', (raw) => sign(raw).replace(/.$/, (last) => (last === '0' ? '1' : '0'))],
    ['cut short', (raw) => sign(raw).slice(0, -2)],
    ["by another tenant's secret", (raw) => sign(raw, { slug: other.tenant.slug })],
    ['from more than five minutes ago', (raw) => sign(raw, { atMs: Date.now() - 302 * seconds })],
    ['from more than five minutes ahead', (raw) => sign(raw, { atMs: Date.now() + 302 * seconds })],
    [
      'with its time moved',
      (raw) =>
        sign(raw, { atMs: Date.now() - 400 * seconds }).replace(
          /t=\d+/,
          `t=${Math.floor(Date.now() / 1000)}`,
        ),
    ],
    ['with two times', (raw) => `t=1,${sign(raw)}`],
    ['with a time that is no number', (raw) => sign(raw).replace(/t=\d+/, 't=now')],
  ];
  test.each(refused)('%s is refused and nothing is stored', async (_what, make) => {
    const raw = newEvent();
    const before = (await stored()).length;
    const answer = await deliver(raw, make(raw));
    expect(answer.status).toBe(401);
    expect(answer.body.code).toBe('invalid_signature');
    expect(await stored()).toHaveLength(before);
  });

  test('does not cover a body that was cut on its way', async () => {
    const raw = newEvent();
    const answer = await deliver(raw.subarray(0, -1), sign(raw));
    expect(answer).toMatchObject({ status: 401, body: { code: 'invalid_signature' } });
  });

  test.each([
    ['made now', (raw: Buffer) => sign(raw)],
    ['of almost five minutes ago', (raw: Buffer) => sign(raw, { atMs: Date.now() - 297 * seconds })],
    ['of almost five minutes ahead', (raw: Buffer) => sign(raw, { atMs: Date.now() + 297 * seconds })],
    ['beside one by a former secret', (raw: Buffer) => `${sign(raw)},v1=${'0'.repeat(64)}`],
  ])('%s is good', async (_what, make) => {
    const raw = newEvent();
    const answer = await deliver(raw, make(raw));
    expect(answer).toMatchObject({ status: 200, body: { received: true } });
  });
});

describe('an event', () => {
  test('is stored byte for byte, with the header that signed it', async () => {
    const raw = Buffer.from(
      `{ "type":"checkout.paid",\n "id": "bytes", "amount": 10.00, "big": 12345678901234567890 }`,
    );
    const signature = sign(raw);
    await deliver(raw, signature);
    const row = (await stored()).find((each) => each.event_id === 'bytes');
    expect(row?.body.equals(raw)).toBe(true);
    expect(row?.headers).toEqual({ 'sandbox-signature': signature });
  });

  test('that comes again is answered 200 and does nothing, also when it comes twice at once', async () => {
    const raw = newEvent();
    const answers = await Promise.all([1, 2, 3, 4].map(() => deliver(raw, sign(raw))));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200]);
    const id = JSON.parse(raw.toString()).id;
    expect((await stored()).filter((row) => row.event_id === id)).toHaveLength(1);
    const jobs = await system.services.producer.queue('provider', 0).getJobs(['waiting']);
    const [row] = await shop.sql<{ id: string }>(
      `select id from coinlane.provider_events where event_id = $1`,
      [id],
    );
    expect(jobs.filter((job) => job.data.eventId === row!.id)).toHaveLength(1);
  });

  test('of one tenant is another event than the same id of another tenant', async () => {
    const raw = newEvent();
    await deliver(raw, sign(raw));
    const answer = await deliver(raw, sign(raw, { slug: other.tenant.slug }), `sandbox/${other.tenant.slug}`);
    expect(answer.status).toBe(200);
    const rows = await shop.sql(`select tenant from coinlane.provider_events where event_id = $1`, [
      JSON.parse(raw.toString()).id,
    ]);
    expect(rows).toHaveLength(2);
  });

  test.each([
    ['no JSON', 'hello'],
    ['no object', '[]'],
    ['without an id', '{"type":"x"}'],
    ['with an empty id', '{"id":"","type":"x"}'],
    ['without a type', '{"id":"x"}'],
  ])('that is signed and %s is malformed', async (_what, text) => {
    const raw = Buffer.from(text);
    expect(await deliver(raw, sign(raw))).toMatchObject({ status: 400, body: { code: 'malformed_request' } });
  });

  test('of more than 64 KiB is too large', async () => {
    const raw = Buffer.from(JSON.stringify({ id: 'large', type: 'x', filler: 'x'.repeat(64 * 1024) }));
    expect(await deliver(raw, sign(raw))).toMatchObject({ status: 413, body: { code: 'payload_too_large' } });
  });

  test.each([
    ['an unknown tenant', 'sandbox/nobody-here', 'tenant_not_found'],
    ['an impossible tenant', 'sandbox/NO_SUCH', 'tenant_not_found'],
    ['an unknown provider', 'bank/any', 'not_found'],
    ['a provider that is an object property', 'constructor/any', 'not_found'],
  ])('for %s finds nothing', async (_what, path, code) => {
    const raw = newEvent();
    expect(await deliver(raw, sign(raw), path)).toMatchObject({ status: 404, body: { code } });
  });

  test('for a suspended tenant is stored all the same: somebody may have paid', async () => {
    const closed = await openShop(system);
    const { slug } = closed.tenant;
    const suspended = await call('PATCH', `${system.url}/operator/tenants/${slug}`, {
      token: operatorToken,
      body: { status: 'suspended' },
    });
    expect(suspended.status).toBe(200);
    const raw = newEvent();
    expect((await deliver(raw, sign(raw, { slug }), `sandbox/${slug}`)).status).toBe(200);
  });
});
