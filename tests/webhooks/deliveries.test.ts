// What is not taken is tried again, what is gone is left alone, and what was told can be told again.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, eventually } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { type HookedTenant, hookTenant } from './hooked-tenant.ts';

describe.each(backends)('on $name', (backend) => {
  let system: System;
  const hooked: HookedTenant[] = [];
  beforeAll(async () => {
    const settings = { WEBHOOK_ALLOW_LOOPBACK: 'true', WEBHOOK_CALL_MS: '1000' };
    system = await startSystem('webhooks-deliveries', { backend, settings });
  });
  afterAll(() => system?.close());
  afterEach(() => Promise.all(hooked.splice(0).map((each) => each.close())));
  const hook = async (
    ...options: Parameters<typeof hookTenant> extends [unknown, ...infer R] ? R : never
  ) => {
    const made = await hookTenant(system, ...options);
    hooked.push(made);
    return made;
  };

  test('a delivery that fails is tried again with the same id and body, and the log tells of each attempt', async () => {
    const { server, secret, grant, log, platform, endpointId } = await hook();
    server.next = [500];
    await grant();
    await eventually('the second attempt', async () => server.received.length === 2);
    const [first, second] = server.received;
    expect(second?.body).toBe(first?.body);
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(3000);
    expect(server.verified(secret)).toHaveLength(2);
    const line = await eventually('the log', async () =>
      (await log()).find((each) => each.status === 'delivered'),
    );
    expect(line).toMatchObject({ attempts: 2, nextAt: null, messageId: first?.headers['webhook-id'] });
    const { body } = await platform('GET', `/${endpointId}/deliveries/${line.id}`);
    expect(body.payload).toBe(first?.body);
    expect(body.log).toMatchObject([
      { code: 500, detail: 'answered 500' },
      { code: 204, detail: null },
    ]);
  });

  test('a server that is gone is disabled at its word, which the log, the audit and a metric tell', async () => {
    const { server, tenant, grant, log, platform, endpointId } = await hook();
    server.next = [410];
    await grant();
    await eventually('the end', async () => (await log('?status=failed')).length === 1);
    const shown = await eventually('the endpoint', async () => {
      const { body } = await platform('GET', `/${endpointId}`);
      return body.status === 'disabled' && body;
    });
    expect(shown).toMatchObject({ disabledReason: 'gone', disabledAt: expect.any(String) });
    const audit = await call(
      'GET',
      `${system.url}/operator/tenants/${tenant.slug}/audit?action=webhook_endpoint.`,
      {
        token: operatorToken,
      },
    );
    expect(audit.body.data[0]).toMatchObject({
      ...{ actor: 'workers', action: 'webhook_endpoint.disable', target: endpointId },
    });
    expect(await system.services.metrics.registry.metrics()).toMatch(
      /coinlane_webhook_endpoints_disabled_total [1-9]/,
    );
    await grant();
    expect(await log()).toHaveLength(1);
    expect((await platform('POST', `/${endpointId}/test`)).body.code).toBe('webhook_state');
    // Its people come back: they enable it, and ask for what it refused.
    expect((await platform('PATCH', `/${endpointId}`, { status: 'enabled' })).body).toMatchObject({
      ...{ status: 'enabled', disabledReason: null, disabledAt: null },
    });
    const since = new Date(Date.now() - 3_600_000).toISOString();
    expect((await platform('POST', `/${endpointId}/replay`, { since })).body).toEqual({
      replayed: 1,
      hasMore: false,
    });
    await eventually('the replay', async () => (await log('?status=delivered')).length === 1);
    expect(server.received).toHaveLength(2);
  });

  test('a secret is replaced with an overlap in which either verifies, and at once where that is wanted', async () => {
    const { server, secret, platform, endpointId } = await hook();
    const test = async () => {
      const before = server.received.length;
      expect((await platform('POST', `/${endpointId}/test`)).status).toBe(202);
      await eventually('the test event', async () => server.received.length > before);
      return server.received.at(-1)?.headers['webhook-signature'] as string;
    };
    expect((await test()).split(' ')).toHaveLength(1);
    const second = (await platform('POST', `/${endpointId}/rotate`, { overlapSeconds: 3600 })).body.secret;
    expect(second).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect((await test()).split(' ')).toHaveLength(2);
    expect(server.verified(secret)).toHaveLength(2);
    expect(() => server.verified(second)).toThrow();
    server.received.shift();
    expect(server.verified(second)).toMatchObject([{ type: 'webhook.test', data: { endpointId } }]);
    // A third ends the first at once; the second goes on for the new overlap.
    const third = (await platform('POST', `/${endpointId}/rotate`, {})).body.secret;
    server.received.length = 0;
    expect((await test()).split(' ')).toHaveLength(2);
    expect(server.verified(second)).toHaveLength(1);
    expect(server.verified(third)).toHaveLength(1);
    expect(() => server.verified(secret)).toThrow();
    const last = (await platform('POST', `/${endpointId}/rotate`, { overlapSeconds: 0 })).body.secret;
    server.received.length = 0;
    expect((await test()).split(' ')).toHaveLength(1);
    expect(server.verified(last)).toHaveLength(1);
  });

  test('one that was delivered is sent again on request: the same id, the same body', async () => {
    const { server, grant, log, platform, endpointId } = await hook();
    await grant();
    const [line] = await eventually('the delivery', async () => {
      const lines = await log('?status=delivered');
      return lines.length === 1 && lines;
    });
    const replay = () => platform('POST', `/${endpointId}/deliveries/${line.id}/replay`);
    expect(await replay()).toMatchObject({ status: 202, body: { status: 'waiting', attempts: 0 } });
    await eventually('the replay', async () => server.received.length === 2);
    expect(new Set(server.received.map(({ body }) => body)).size).toBe(1);
    expect(new Set(server.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    // One that waits for its next attempt is sent at once.
    server.next = [500];
    await eventually('rest', async () => (await log())[0].status === 'delivered');
    await replay();
    await eventually('a failure', async () => (await log())[0].attempts === 1);
    await replay();
    await eventually('the second replay', async () => server.received.length === 4, 2500);
    await eventually('its end', async () => (await log())[0].status === 'delivered');
  });

  test('a replay and a test event answer with what they opened, however soon a worker has sent it', async () => {
    const { grant, log, platform, endpointId } = await hook();
    await grant();
    const delivered = (count: number) =>
      eventually('the delivery', async () => (await log('?status=delivered')).length === count);
    await delivered(1);
    const [{ id }] = await log();
    const { producer } = system.services;
    const { addWebhooks } = producer;
    let sent = 1;
    producer.addWebhooks = async (jobs) => {
      await addWebhooks(jobs);
      await delivered(sent);
    };
    try {
      const replayed = await platform('POST', `/${endpointId}/deliveries/${id}/replay`);
      expect(replayed).toMatchObject({ status: 202, body: { status: 'waiting', attempts: 0 } });
      sent = 2;
      const tested = await platform('POST', `/${endpointId}/test`);
      expect(tested).toMatchObject({ status: 202, body: { status: 'waiting', attempts: 0, log: [] } });
    } finally {
      producer.addWebhooks = addWebhooks;
    }
  });

  test('after three days it is given up, and what failed since a time is tried again together', async () => {
    const { server, grant, log, platform, endpointId } = await hook();
    server.always = 503;
    for (let i = 0; i < 3; i += 1) await grant();
    await eventually(
      'first attempts',
      async () => (await log()).filter((each) => each.attempts > 0).length === 3,
    );
    await system.services.db.owner.query(
      `update coinlane.webhook_deliveries set give_up_at = now() where endpoint_id = $1`,
      [endpointId],
    );
    await eventually('the end', async () => (await log('?status=failed')).length === 3, 30_000);
    // The first that failed made the others wait; their time is up like its own.
    for (const line of await log()) {
      expect(line).toMatchObject({ nextAt: null, finishedAt: expect.any(String) });
      expect(line.last.detail).toMatch(/answered 503|time is up/);
    }
    server.always = undefined;
    const since = new Date(Date.now() + 60_000).toISOString();
    expect((await platform('POST', `/${endpointId}/replay`, { since })).body.replayed).toBe(0);
    const all = new Date(0).toISOString();
    expect((await platform('POST', `/${endpointId}/replay`, { since: all })).body.replayed).toBe(3);
    await eventually('all of them', async () => (await log('?status=delivered')).length === 3, 30_000);
  });

  test('a delivery whose job is lost comes back by the sweep', async () => {
    const { server, grant, log, endpointId } = await hook();
    server.next = [500];
    await grant();
    await eventually('the first attempt', async () => (await log())[0]?.attempts === 1);
    const { producer, db } = system.services;
    const queue = producer.queue('webhook', 0);
    await queue.obliterate({ force: true });
    await db.owner.query(
      `update coinlane.webhook_deliveries set next_at = now() - interval '2 minutes' where endpoint_id = $1`,
      [endpointId],
    );
    await eventually('the second attempt', async () => server.received.length === 2);
    await eventually('its end', async () => (await log())[0].status === 'delivered');
  });

  test('a tenant that hangs up on everybody keeps no other tenant waiting', async () => {
    const dead = await hook({ eventTypes: ['operation.applied', 'entry.posted'] });
    const alive = await hook();
    dead.server.always = { hangMs: 30_000 };
    for (let i = 0; i < 8; i += 1) await Promise.all(Array.from({ length: 25 }, () => dead.grant()));
    await eventually('the first of them', async () => dead.server.received.length > 0);
    for (let i = 0; i < 5; i += 1) {
      const before = alive.server.received.length;
      const started = Date.now();
      await alive.grant();
      await eventually('the other', async () => alive.server.received.length > before);
      expect(Date.now() - started).toBeLessThan(10_000);
    }
    // Of four hundred few were tried: ten at first, then one for each pause.
    expect(dead.server.received.length).toBeLessThan(40);
    dead.server.always = undefined;
  });
});
