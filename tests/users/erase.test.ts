// Line 58: what is personal goes from every table, and the books, the money under way and the neighbours stay.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signatureHeader, signWebhook, webhookSecret } from '#api/sandbox/signature.ts';
import { call, eventually, integrity } from '#tests/support/client.ts';
import { operatorToken } from '#tests/support/system.ts';
import { codeOf, type Erasing, openErasing } from './erasing.ts';

let ground: Erasing;
beforeAll(async () => {
  ground = await openErasing('erase');
});
afterAll(() => ground?.close());

/** A webhook that says more than it has to, as real ones do. */
async function sendEvent(id: string, purchaseId: string, text: string): Promise<void> {
  const raw = Buffer.from(JSON.stringify({ id, type: 'odd.event', about: purchaseId, customer: { text } }));
  const signature = signWebhook(webhookSecret(ground.system.services.keyring, 'acme'), raw, Date.now());
  await call('POST', `${ground.system.url}/webhooks/sandbox/acme`, {
    body: raw.toString(),
    headers: { [signatureHeader]: signature },
  });
}
const events = async () =>
  (
    await call('GET', `${ground.system.url}/operator/tenants/acme/provider-events?limit=100`, {
      token: operatorToken,
    })
  ).body.data;

describe('58 erasure', () => {
  test('58 erase: nothing personal is left in any table, and the books are in order', async () => {
    const user = await ground.livelyUser('quirkbeth');
    const neighbour = await ground.livelyUser('plainjoe');
    await call('POST', `${user.checkoutUrl}/pay`);
    await eventually('the coins', async () => {
      const { body } = await call('GET', `${ground.system.url}/wallet/balance`, { token: user.token });
      return body.balance === 130;
    });
    await sendEvent('evt_beth', user.purchaseId, 'quirkbeth@mail.example');
    await sendEvent('evt_joe', neighbour.purchaseId, 'plainjoe@mail.example');
    const odd = () =>
      events().then((all) => all.filter((each: { kind: string }) => each.kind === 'odd.event'));
    await eventually('the events', async () =>
      (await odd()).every(({ status }: { status: string }) => status === 'failed'),
    );
    const before = await ground.everything();
    for (const text of [user.email, 'quirkbeth', '203.0.113.9']) expect(before).toContain(text);

    const answer = await ground.eraseOwn(user);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ userId: user.id, coinsForfeited: 130, coinsOwed: 0 });
    const after = await ground.everything();
    const left = after.split('\n').filter((line: string) => /quirkbeth/i.test(line));
    expect(left).toEqual([]);
    // The neighbour has lost nothing.
    const ofJoe = (text: string) => text.split('\n').filter((line) => /plainjoe/.test(line)).length;
    expect(ofJoe(after)).toBe(ofJoe(before));
    expect((await integrity(ground.system.url, 'acme')).body).toMatchObject({ ok: true, differences: [] });
    const shown = await ground.platform('GET', `/users/${user.id}`);
    expect(shown.body).toMatchObject({
      ...{ status: 'erased', email: null, name: null, hasPassword: false, sessions: 0 },
      ...{ identities: [], factors: [] },
    });
    expect(shown.body.wallets).toMatchObject([{ balance: 130, frozenReason: 'erased' }]);
  });

  test('58 erase: the account is shut at once, a second time finds nobody, and the address is free', async () => {
    const user = await ground.livelyUser('second');
    expect((await ground.platform('POST', `/users/${user.id}/erase`)).status).toBe(200);
    expect(codeOf(await ground.post(user.token, '/wallet/spend', { amount: 1 }))).toEqual([
      401,
      'unauthenticated',
    ]);
    const login = { tenant: 'acme', body: { email: user.email, password: 'correct horse battery' } };
    expect(codeOf(await call('POST', `${ground.system.url}/login`, login))).toEqual([
      401,
      'invalid_credentials',
    ]);
    const spent = await ground.post(ground.tenant.secretKey, '/wallet/spend', { amount: 1, userId: user.id });
    expect(codeOf(spent)).toEqual([409, 'wallet_frozen']);
    for (const [method, path] of [
      ['POST', 'erase'],
      ['POST', 'ban'],
      ['POST', 'unban'],
      ['DELETE', 'sessions'],
    ] as const) {
      const again = await ground.platform(method, `/users/${user.id}/${path}`);
      expect(codeOf(again), path).toEqual([404, 'user_not_found']);
    }
    const anew = await call('POST', `${ground.system.url}/register`, login);
    expect(anew.status).toBe(201);
    expect(anew.body.user.id).not.toBe(user.id);
    const balance = await call('GET', `${ground.system.url}/wallet/balance`, {
      token: anew.body.accessToken,
    });
    expect(balance.body.balance).toBe(0);
    const audit = await ground.rows(`select actor, action, detail from coinlane.audit where target = $1`, [
      user.id,
    ]);
    expect(audit).toMatchObject([{ action: 'user.erase', detail: {} }]);
  });

  test('58 erase: money that comes afterwards is booked, and its webhook keeps nothing', async () => {
    const user = await ground.livelyUser('latecomer');
    expect((await ground.eraseOwn(user)).status).toBe(200);
    expect((await call('POST', `${user.checkoutUrl}/pay`)).status).toBeLessThan(400);
    const [event] = await eventually('the payment', async () => {
      const found = await ground.rows(
        `select e.id, e.body::text as body, e.headers, e.status from coinlane.provider_events e
         join "tenant_acme".purchases p on p.status = 'granted' and p.operation_id = $1
         join "tenant_acme".users u on u.id = $2 and u.erased_at < e.received_at
         where e.kind = 'checkout.paid' and e.body = '{"erased":true}'`,
        [user.purchaseId, user.id],
      );
      return found.length > 0 && found;
    });
    expect(event).toMatchObject({ status: 'processed', headers: {} });
    const shown = await ground.platform('GET', `/users/${user.id}`);
    expect(shown.body.wallets).toMatchObject([{ balance: 130, frozenReason: 'erased' }]);
    expect((await integrity(ground.system.url, 'acme')).body).toMatchObject({ ok: true });

    const replay = `${ground.system.url}/operator/tenants/acme/provider-events/${event.id}/replay`;
    expect((await call('POST', replay, { token: operatorToken })).status).toBe(202);
    const replayed = await eventually('the replay', async () =>
      (await events()).find(
        (each: { id: string; status: string }) => each.id === event.id && each.status === 'ignored',
      ),
    );
    expect(replayed.detail).toBe('its content was erased with its user');
  });
});
