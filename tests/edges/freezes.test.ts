// Freezing by hand: what an operator sets and lifts, by API and in the console, under the wallet's own lock.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freezeWallet } from '#shared/db/freezes.ts';
import { findWalletState } from '#shared/db/ledger.ts';
import { withTenant } from '#shared/db/pool.ts';
import { findWalletId, lockWallet } from '#shared/db/wallets.ts';
import { newId } from '#shared/runtime/ids.ts';
import { until } from '#tests/support/until.ts';
import { consoleCookie, type EdgeApp, openEdgeApp, origin } from './edge-app.ts';

let app: EdgeApp;
let cookie: string;
beforeAll(async () => {
  app = await openEdgeApp('freezes', { BCRYPT_COST: '4' });
  for (const slug of ['acme', 'other'])
    await app.call('POST', '/operator/tenants', { json: { slug, name: slug } });
  cookie = await consoleCookie(app);
});
afterAll(() => app?.close());

interface Freeze {
  cause: string;
  reason: string;
  note: string | null;
  liftedAt: string | null;
}
interface Wallet {
  id: string;
  userId: string;
  frozenReason: string | null;
  freezes: Freeze[];
}

let count = 0;
/** A user of acme with a wallet. */
async function newWallet(): Promise<{ id: string; userId: string; email: string }> {
  count += 1;
  const email = `user-${count}@example.com`;
  const answer = await app.call('POST', '/register', {
    token: null,
    headers: { 'x-tenant': 'acme' },
    json: { email, password: 'correct horse battery' },
  });
  const { user } = (await answer.json()) as unknown as { user: { id: string } };
  const id = await inTenant((tx) => findWalletId(tx, user.id, 'COIN'));
  return { id: id!, userId: user.id, email };
}
const inTenant = <T>(work: Parameters<typeof withTenant<T>>[2]) =>
  withTenant(app.services.db.app, 'acme', work);
const reasonOf = async (id: string) => (await inTenant((tx) => findWalletState(tx, id)))?.frozenReason;
const path = (walletId: string, cause = '', slug = 'acme') =>
  `/operator/tenants/${slug}/wallets/${walletId}/freezes${cause && `/${encodeURIComponent(cause)}`}`;
const freeze = (walletId: string, note: unknown = 'asked by the police') =>
  app.call('POST', path(walletId), { json: { note } });
const read = async (walletId: string) =>
  (await (await app.call('GET', path(walletId))).json()) as unknown as Wallet;
const auditOf = async (walletId: string) =>
  (
    await app.services.db.owner.query<{ line: string }>(
      `select actor || ' ' || action as line from coinlane.audit where target = $1 order by id`,
      [walletId],
    )
  ).rows.map((row) => row.line);
const visit = (where: string) =>
  app.call('GET', where, { token: null, headers: { cookie, accept: 'text/html' } });
const submit = (where: string, fields: Record<string, string>) =>
  app.call('POST', where, { token: null, headers: { cookie, origin }, body: new URLSearchParams(fields) });

describe('a freeze by hand', () => {
  test('holds until it is lifted, and both are in the audit', async () => {
    const { id, userId } = await newWallet();
    const made = await freeze(id);
    const { cause } = (await made.json()) as unknown as Freeze;
    expect(made.status).toBe(201);
    expect(cause).toMatch(/^operator:[0-9a-f-]{36}$/);
    expect(await reasonOf(id)).toBe('operator');
    expect(await read(id)).toMatchObject({
      id,
      userId,
      frozenReason: 'operator',
      freezes: [{ cause, reason: 'operator', note: 'asked by the police', liftedAt: null }],
    });
    expect((await app.call('DELETE', path(id, cause))).status).toBe(204);
    expect(await reasonOf(id)).toBeNull();
    expect((await read(id)).freezes).toMatchObject([{ cause, liftedAt: expect.any(String) }]);
    expect((await app.call('DELETE', path(id, cause))).status).toBe(404);
    expect(await auditOf(id)).toEqual(['operator:token wallet.frozen', 'operator:token wallet.unfrozen']);
  });

  test('is one of several: the wallet is free when the last is lifted, whatever its reason', async () => {
    const { id } = await newWallet();
    const dispute = 'dispute:stripe:du_1/2';
    await inTenant(async (tx) => {
      await lockWallet(tx, id);
      await freezeWallet(tx, { walletId: id, cause: dispute, reason: 'dispute' });
    });
    await freeze(id, 'one');
    await freeze(id, 'two');
    const { freezes } = await read(id);
    expect(freezes).toHaveLength(3);
    for (const { cause } of freezes.filter((each) => each.reason === 'operator')) {
      expect((await app.call('DELETE', path(id, cause))).status).toBe(204);
    }
    expect(await reasonOf(id)).toBe('dispute');
    expect((await app.call('DELETE', path(id, dispute))).status).toBe(204);
    expect(await reasonOf(id)).toBeNull();
  });

  test('waits for whoever holds the wallet, and does not fall between', async () => {
    const { id } = await newWallet();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    let held = false;
    const holder = inTenant(async (tx) => {
      held = await lockWallet(tx, id);
      await released;
    });
    await until('the lock', () => held);
    let answered = false;
    const freezing = freeze(id).finally(() => {
      answered = true;
    });
    await until('the freeze to wait', async () => {
      const { rows } = await app.services.db.owner.query<{ n: number }>(
        `select count(*)::int as n from pg_locks where not granted and pid in
           (select pid from pg_stat_activity where datname = current_database())`,
      );
      return (rows[0]?.n ?? 0) > 0;
    });
    expect(answered).toBe(false);
    release();
    await holder;
    expect((await freezing).status).toBe(201);
  });

  test.each([
    ['without a note', undefined],
    ['with an empty note', '  '],
    ['with a long note', 'x'.repeat(501)],
    ['with a note that Postgres cannot hold', 'a\0b'],
  ])('%s is invalid', async (_what, note) => {
    const { id } = await newWallet();
    const answer = await app.call('POST', path(id), { json: note === undefined ? {} : { note } });
    expect([answer.status, (await answer.json()).code]).toEqual([422, 'invalid_input']);
    expect(await reasonOf(id)).toBeNull();
  });

  test('of a wallet that is not there, or of another tenant, is 404', async () => {
    const { id } = await newWallet();
    for (const where of [path(newId()), path('nonsense'), path(id, '', 'other'), path(id, '', 'nobody')]) {
      expect((await app.call('GET', where)).status, where).toBe(404);
      expect((await app.call('POST', where, { json: { note: 'x' } })).status, where).toBe(404);
    }
    for (const cause of ['operator:none', 'a\0b']) {
      expect((await app.call('DELETE', path(id, cause))).status).toBe(404);
    }
    expect(await reasonOf(id)).toBeNull();
  });
});

describe('frozen wallets', () => {
  test('are listed page by page with what holds them, and free ones are not', async () => {
    await app.services.db.owner.query(`update "tenant_acme".wallet_freezes set lifted_at = now()`);
    const wallets = [await newWallet(), await newWallet(), await newWallet()];
    await newWallet();
    for (const { id } of wallets) await freeze(id);
    const seen: Wallet[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor ? `&cursor=${cursor}` : '';
      const answer = await app.call('GET', `/operator/tenants/acme/frozen-wallets?limit=2${query}`);
      const page = (await answer.json()) as unknown as { data: Wallet[]; nextCursor: string | null };
      seen.push(...page.data);
      cursor = page.nextCursor;
    } while (cursor);
    expect(seen.map((wallet) => wallet.id).sort()).toEqual(wallets.map((wallet) => wallet.id).sort());
    expect(seen.every((wallet) => wallet.freezes.length === 1)).toBe(true);
  });
});

describe('the console', () => {
  const wallets = '/operator/console/tenants/acme/wallets';

  test('finds a wallet by address, user or wallet, freezes it and lifts it', async () => {
    const { id, userId, email } = await newWallet();
    for (const find of [id, userId, email, email.toUpperCase()]) {
      const answer = await visit(`${wallets}?find=${encodeURIComponent(find)}`);
      expect([answer.status, answer.headers.get('location')], find).toEqual([302, `${wallets}/${id}`]);
    }
    expect(await (await visit(`${wallets}?find=nobody`)).text()).toContain('There is no such wallet.');
    const frozen = await submit(`${wallets}/${id}/freeze`, { note: 'a <b>bold</b> claim' });
    expect([frozen.status, frozen.headers.get('location')]).toEqual([303, `${wallets}/${id}?done=frozen`]);
    expect(await (await visit(wallets)).text()).toContain('a &lt;b&gt;bold&lt;/b&gt; claim');
    const { freezes } = await read(id);
    const lifted = await submit(`${wallets}/${id}/lift`, { cause: freezes[0]!.cause });
    expect(lifted.headers.get('location')).toBe(`${wallets}/${id}?done=lifted`);
    expect(await reasonOf(id)).toBeNull();
    expect(await auditOf(id)).toEqual(['operator:console wallet.frozen', 'operator:console wallet.unfrozen']);
    const again = await submit(`${wallets}/${id}/lift`, { cause: freezes[0]!.cause });
    expect([again.status, await again.text()]).toEqual([404, expect.stringContaining('lifted before')]);
  });

  test('says so when no wallet is frozen', async () => {
    expect(await (await visit('/operator/console/tenants/other/wallets')).text()).toContain(
      'No wallet is frozen.',
    );
  });
});
