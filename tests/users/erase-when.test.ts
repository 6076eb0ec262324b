// Line 58: when a user can be erased, by whom, and what becomes of what is still under way.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eraseProviderEvents, listPurchaseMarks } from '#shared/db/erasure.ts';
import { withTenant } from '#shared/db/pool.ts';
import { call, eventually, registerUser } from '#tests/support/client.ts';
import { codeOf, type Erasing, openErasing } from './erasing.ts';

let ground: Erasing;
beforeAll(async () => {
  ground = await openErasing('erase-when');
});
afterAll(() => ground?.close());

describe('58 erasure', () => {
  test('58 erase: an event that nobody has acted on keeps its body until somebody has', async () => {
    const user = await ground.livelyUser('unheard');
    const { app } = ground.system.services.db;
    const found: Record<string, string> = {};
    const undone = withTenant(app, 'acme', async (tx) => {
      const statuses = ['received', 'parked', 'processed', 'ignored', 'failed'];
      for (const status of statuses) {
        await tx.query(
          `insert into coinlane.provider_events (id, provider, tenant, event_id, kind, headers, body, status)
           values (gen_random_uuid(), 'sandbox', 'acme', $1, 'kind', '{}', $2, $1)`,
          [status, Buffer.from(`about ${user.purchaseId}`)],
        );
      }
      await eraseProviderEvents(tx, 'acme', await listPurchaseMarks(tx, user.id));
      const { rows: events } = await tx.query<{ event_id: string; body: Buffer }>(
        `select event_id, body from coinlane.provider_events where event_id = any($1)`,
        [statuses],
      );
      for (const { event_id, body } of events) found[event_id] = body.toString();
      throw new Error('undo');
    });
    await expect(undone).rejects.toThrow('undo');
    const [kept, erased] = [`about ${user.purchaseId}`, '{"erased":true}'];
    expect(found).toEqual({
      ...{ received: kept, parked: kept },
      ...{ processed: erased, ignored: erased, failed: erased },
    });
  });

  test('58 erase: one mail goes to the old address, and its job is sealed', async () => {
    const user = await ground.livelyUser('postal');
    await ground.eraseOwn(user);
    const [mail] = await ground.rows(
      `select data->'job' as job from pgboss.job where data->'job'->>'cause' = $1`,
      [`account_erased:${user.id}`],
    );
    expect(mail.job).toMatchObject({ template: 'account_erased', userId: user.id });
    expect(JSON.stringify(mail.job)).not.toContain(user.email);
    const { sealedTo } = mail.job.data;
    expect(ground.system.services.keyring.open(sealedTo, `mail/acme/${user.id}`)).toBe(user.email);
    // Once it has been handled, nothing of it is kept either.
    await eventually('the mail', async () => {
      const [row] = await ground.rows(`select status, job from coinlane.mails where cause = $1`, [
        `account_erased:${user.id}`,
      ]);
      return row?.status === 'skipped' && row.job === null;
    });
  });

  test('is refused while money of the user waits for a person or a bank', async () => {
    const user = await ground.livelyUser('disputed');
    const state = (status: string) =>
      ground.rows(`update "tenant_acme".purchases set status = $2 where operation_id = $1`, [
        user.purchaseId,
        status,
      ]);
    await state('review');
    expect(codeOf(await ground.eraseOwn(user))).toEqual([409, 'payment_state']);
    await state('awaiting_payer');
    const dispute = (to: string) =>
      ground.rows(
        `insert into "tenant_acme".purchase_disputes (provider, ref, purchase_id, amount, currency, state)
         values ('sandbox', 'dp_1', $1, 50, 'usd', $2)
         on conflict (provider, ref, purchase_id) do update set state = excluded.state`,
        [user.purchaseId, to],
      );
    await dispute('open');
    expect(codeOf(await ground.platform('POST', `/users/${user.id}/erase`))).toEqual([409, 'payment_state']);
    expect((await ground.platform('GET', `/users/${user.id}`)).body).toMatchObject({ email: user.email });
    await dispute('closed');
    expect((await ground.eraseOwn(user)).status).toBe(200);
  });

  test('of oneself needs the word, a user and a fresh login', async () => {
    const user = await registerUser(ground.system.url, ground.tenant);
    for (const body of [{}, { confirm: false }, { confirm: true, more: 1 }]) {
      expect(codeOf(await ground.eraseOwn(user, body))).toEqual([422, 'invalid_input']);
    }
    const byKey = await call('DELETE', `${ground.system.url}/profile`, {
      token: ground.tenant.secretKey,
      body: { confirm: true },
    });
    expect(codeOf(byKey)).toEqual([403, 'forbidden']);
    const age = (interval: string) =>
      ground.rows(
        `update "tenant_acme".sessions set authenticated_at = now() - $2::interval where user_id = $1`,
        [user.id, interval],
      );
    await age('11 minutes');
    expect(codeOf(await ground.eraseOwn(user))).toEqual([403, 'fresh_login_required']);
    const exported = await call('GET', `${ground.system.url}/profile/export`, { token: user.token });
    expect(codeOf(exported)).toEqual([403, 'fresh_login_required']);
    await age('1 minute');
    expect((await ground.eraseOwn(user)).status).toBe(200);
  });
});
