// A tenant is warned once of each crossing, by webhook and by mail, and told when it is over.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, eventually } from '#tests/support/client.ts';
import { startSmtp, type TestSmtp } from '#tests/support/smtp.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { watchAlerts } from '#workers/alerts/watch.ts';
import { type HookedTenant, hookTenant } from './hooked-tenant.ts';

const eventTypes = ['alert.raised', 'alert.cleared'];

describe.each(backends)('on $name', (backend) => {
  let system: System;
  let smtp: TestSmtp;
  const hooked: HookedTenant[] = [];
  beforeAll(async () => {
    smtp = await startSmtp();
    const settings = { WEBHOOK_ALLOW_LOOPBACK: 'true', SMTP_URL: smtp.url };
    system = await startSystem('webhooks-alerts', { backend, settings });
  });
  afterAll(async () => {
    await system?.close();
    await smtp?.close();
  });
  afterEach(() => Promise.all(hooked.splice(0).map((each) => each.close())));
  const hook = async (alerts: object) => {
    const made = await hookTenant(system, { eventTypes, settings: { alerts } });
    hooked.push(made);
    return made;
  };
  const spend = ({ tenant, userId }: HookedTenant, amount: number) =>
    call('POST', `${system.url}/wallet/spend`, {
      ...{ token: tenant.secretKey, key: randomUUID(), wait: 10, body: { userId, amount } },
    });
  /** As the clock does every minute, which looks by itself, too: the outcome is the same. */
  const look = () => watchAlerts(system.workers!.deps);
  const mailsTo = (address: string) => smtp.mails.filter(({ recipients }) => recipients.includes(address));
  const change = ({ tenant }: HookedTenant, alerts: object) =>
    call('PATCH', `${system.url}/operator/tenants/${tenant.slug}`, {
      ...{ token: operatorToken, body: { settings: { alerts } } },
    });

  test('a balance that falls below is told once for each time it falls, and mailed', async () => {
    const address = `low-${randomUUID()}@game.example`;
    const game = await hook({ emails: [address], balanceBelow: { coins: 50 } });
    const told = () => game.server.verified(game.secret);
    await game.grant(100);
    await eventually('the first rise', async () => told().length === 1);
    const fallen = await spend(game, 60);
    await spend(game, 10);
    await eventually('the alert', async () => told().length === 2);
    await game.grant(100);
    await spend(game, 100);
    await eventually('all of them', async () => told().length === 4);
    const changes = told().sort((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
    expect(changes.map(({ type }) => type).sort()).toEqual([
      ...['alert.cleared', 'alert.cleared', 'alert.raised', 'alert.raised'],
    ]);
    expect(changes.find(({ data }) => data.operationId === fallen.body.id)).toMatchObject({
      type: 'alert.raised',
      data: {
        ...{ rule: 'balance_below', threshold: 50, value: 40, currency: 'COIN', userId: game.userId },
        walletId: fallen.body.walletId,
      },
    });
    const [mail] = await eventually('the mail', async () => {
      const mails = mailsTo(address);
      return mails.length > 0 && mails;
    });
    expect(mail?.subject).toContain('A balance is low');
    expect(mail?.text).toContain('40 coins');
    expect(mail?.text).toContain(game.userId);
    // The second fall is within the same ten minutes, or just after them.
    expect(mailsTo(address).length).toBeLessThanOrEqual(2);
  });

  test('coins outstanding above the threshold are one alert, however often it is looked, until well below', async () => {
    const addresses = ['a', 'b'].map((name) => `${name}-${randomUUID()}@game.example`);
    const game = await hook({ emails: addresses, liabilityAbove: { coins: 1000 } });
    const told = () => game.server.verified(game.secret).map(({ type, data }) => [type, data.value]);
    await game.grant(1000);
    await look();
    await game.grant(1);
    await Promise.all([look(), look(), look()]);
    await look();
    await eventually('the alert', async () => told().length > 0);
    expect(told()).toEqual([['alert.raised', 1001]]);
    expect(game.server.verified(game.secret)[0]?.data).toEqual({
      ...{ rule: 'liability_above', threshold: 1000, value: 1001, currency: 'COIN' },
    });
    // Below, and above again: it swings around its threshold, and is the same alert.
    await spend(game, 50);
    await look();
    await game.grant(60);
    await look();
    await spend(game, 112);
    await look();
    await eventually('its end', async () => told().length === 2);
    expect(told()[1]).toEqual(['alert.cleared', 899]);
    for (const address of addresses) {
      const mails = await eventually(
        'both mails',
        async () => mailsTo(address).length === 2 && mailsTo(address),
      );
      expect(mails.map(({ subject }) => subject).sort()).toEqual([
        expect.stringContaining('Fewer coins are outstanding'),
        expect.stringContaining('Many coins are outstanding'),
      ]);
    }
  });

  test('many refusals are told once there are enough operations to say so', async () => {
    const game = await hook({ refusalRate: { percent: 50, seconds: 3600, operationsMin: 4 } });
    const told = () => game.server.verified(game.secret);
    await spend(game, 1);
    await spend(game, 1);
    await eventually('both counted', async () => (await counted(game)) === 2);
    await look();
    await game.grant(10);
    await spend(game, 100);
    await eventually('all counted', async () => (await counted(game)) === 4);
    await look();
    await eventually('the alert', async () => told().length === 1);
    expect(told()).toMatchObject([
      {
        type: 'alert.raised',
        data: { rule: 'refusal_rate', threshold: 50, value: 75, settled: 4, rejected: 3 },
      },
    ]);
    for (let i = 0; i < 3; i += 1) await spend(game, 1);
    await eventually('those as well', async () => (await counted(game)) === 7);
    await look();
    await eventually('its end', async () => told().length === 2);
    expect(told()[1]).toMatchObject({ type: 'alert.cleared', data: { value: 42.9, settled: 7 } });
  });

  async function counted({ tenant }: HookedTenant): Promise<number> {
    const { rows } = await system.services.db.owner.query(
      'select coalesce(sum(settled), 0)::int as n from coinlane.outcome_counts where tenant = $1',
      [tenant.slug],
    );
    return rows[0].n;
  }

  test('a rule that is taken away takes its alert with it; a tenant without rules costs the clock nothing', async () => {
    const game = await hook({ liabilityAbove: { coins: 5 } });
    await game.grant(10);
    await look();
    await eventually('the alert', async () => game.server.received.length === 1);
    expect((await change(game, {})).status).toBe(200);
    await look();
    await eventually('its end', async () => game.server.received.length === 2);
    expect(game.server.verified(game.secret)[1]).toMatchObject({
      ...{ type: 'alert.cleared', data: { rule: 'liability_above', threshold: null, value: null } },
    });
    await look();
    expect(game.server.received).toHaveLength(2);
  });

  test.each([
    [{ balanceBelow: { coins: 0 } }],
    [{ balanceBelow: 5 }],
    [{ liabilityAbove: { coins: 2 ** 53 } }],
    [{ refusalRate: { percent: 0 } }],
    [{ refusalRate: { percent: 101 } }],
    [{ refusalRate: { percent: 5, seconds: 86_401 } }],
    [{ emails: ['nobody'] }],
    [{ emails: Array.from({ length: 11 }, (_, i) => `a${i}@game.example`) }],
    [{ invented: true }],
  ])('%j is refused', async (alerts) => {
    const game = hooked[0] ?? (await hook({}));
    expect([(await change(game, alerts)).status]).toEqual([422]);
  });
});
