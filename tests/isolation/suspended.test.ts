// A suspended tenant is refused everywhere, and what it had accepted before waits, whole and in order.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '../support/backends.ts';
import { call, createTenant, eventually, grant, integrity, registerUser } from '../support/client.ts';
import { operatorToken, type System, startSystem, uniqueSlug } from '../support/system.ts';

describe.each(backends)('on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem('suspended', { backend });
  });
  afterAll(() => system?.close());

  const setStatus = (slug: string, status: 'active' | 'suspended') =>
    call('PATCH', `${system.url}/operator/tenants/${slug}`, { token: operatorToken, body: { status } });

  test('47 jobs of a suspended tenant wait, those of its neighbour do not, and all is settled once it goes on', async () => {
    const { url } = system;
    const paused = await createTenant(url, uniqueSlug('paused'));
    const busy = await createTenant(url, uniqueSlug('busy'));
    const [ours, theirs] = [await registerUser(url, paused), await registerUser(url, busy)];
    await grant(url, paused, ours.id, 100);
    await grant(url, busy, theirs.id, 100);

    expect((await setStatus(paused.slug, 'suspended')).status).toBe(200);
    // Accepted in the moment before, by a process that had not heard yet: straight into the journal.
    const tenant = await system.services.tenants.find(paused.slug);
    const walletId = await system.api.deps.wallets.walletOf(tenant!, ours.id);
    const ids = [randomUUID(), randomUUID()];
    for (const id of ids) {
      const draft = {
        kind: 'spend' as const,
        walletId,
        userId: ours.id,
        amount: 10,
        idempotencyKey: id,
        body: {},
      };
      await system.api.deps.accept.submit(tenant!, id, draft, { wait: false });
    }
    const neighbour = await call('POST', `${url}/wallet/spend`, {
      token: theirs.token,
      key: randomUUID(),
      wait: 10,
      body: { amount: 10 },
    });
    expect(neighbour.status).toBe(201);
    expect(await system.workers?.sweep.run()).toBe(0);
    const statuses = async () => {
      const rows = await system.services.db.owner.query<{ status: string }>(
        `select status from "tenant_${paused.slug}".operations where id = any($1) order by seq`,
        [ids],
      );
      return rows.rows.map((row) => row.status);
    };
    expect(await statuses()).toEqual(['accepted', 'accepted']);

    expect((await setStatus(paused.slug, 'active')).status).toBe(200);
    await eventually('the operations to be settled', async () =>
      (await statuses()).every((each) => each === 'applied'),
    );
    expect((await integrity(url, paused.slug)).body).toMatchObject({ ok: true, differences: [] });
  });
});
