// Real-time order: what was answered before another was sent has the lower version, across processes.
import { afterEach, describe, expect, test } from 'vitest';
import { backends, emptyBackend } from '#tests/support/backends.ts';
import { createTenant, grant, integrity, registerUser, type TestUser } from '#tests/support/client.ts';
import { cloneDatabase, type TestDatabase } from '#tests/support/database.ts';
import { settledAll, storedOperations } from '#tests/support/ledger-view.ts';
import { type PlannedOperation, type SentOperation, sendAll } from '#tests/support/load.ts';
import { type RunningProcess, startApi, startWorker, stopAll } from '#tests/support/processes.ts';
import { testSettings, uniqueSlug } from '#tests/support/system.ts';

let processes: RunningProcess[] = [];
let database: TestDatabase | undefined;
afterEach(async () => {
  await stopAll(processes);
  processes = [];
  await database?.drop();
});

const operationCount = 2000;
const walletCount = 20;

/** Spends, grants and refunds mixed, the same in every run; refunds pick an earlier spend of their wallet. */
function planMix(users: TestUser[], spends: Map<string, string[]>): PlannedOperation[] {
  let state = 7;
  const next = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: operationCount }, (_, index) => {
    const user = users[index % walletCount] as TestUser;
    const roll = next(10);
    const kind = roll < 6 ? 'spend' : roll < 8 ? 'grant' : 'refund';
    const refundOf = () => spends.get(user.id)?.shift();
    return {
      kind,
      userId: user.id,
      amount: kind === 'spend' ? 1 + next(40) : 1 + next(9),
      refundOf,
    } as const;
  });
}

describe.each(backends)('two APIs and three workers on $name', (backend) => {
  test('keep the order in which a wallet was acted on', { timeout: 120_000 }, async () => {
    await emptyBackend(backend);
    database = await cloneDatabase(`order_${backend.name}`);
    const settings = testSettings(database.url, 0, backend);
    const first = await startApi(settings);
    processes.push(first);
    const started = await Promise.all([
      startApi({ ...settings, PUBLIC_URL: first.url }),
      startWorker(settings),
      startWorker(settings),
      startWorker(settings),
    ]);
    processes.push(...started);
    const tenant = await createTenant(first.url, uniqueSlug('order'));
    const users: TestUser[] = [];
    for (let n = 0; n < walletCount; n += 1) users.push(await registerUser(first.url, tenant));
    for (const user of users) expect((await grant(first.url, tenant, user.id, 100)).status).toBe(201);

    const spends = new Map<string, string[]>();
    const sent = await sendAll({
      urls: [first.url, started[0].url],
      tenant,
      plans: planMix(users, spends),
      connections: 32,
      onAccepted: (_count, operation) => {
        if (operation.plan.kind !== 'spend') return;
        spends.set(operation.plan.userId, [...(spends.get(operation.plan.userId) ?? []), operation.id]);
      },
    });
    expect(sent.length).toBe(operationCount);
    await settledAll(database.url, tenant.slug);

    const stored = await storedOperations(database.url, tenant.slug);
    const kinds = new Set(sent.map((each) => `${each.plan.kind} ${stored.get(each.id)?.status}`));
    // The mix is worth something only if each kind was applied, and some spend was refused.
    for (const kind of ['spend applied', 'grant applied', 'refund applied', 'spend rejected']) {
      expect(kinds).toContain(kind);
    }
    expect(disorder(sent, stored)).toEqual([]);
    const report = await integrity(first.url, tenant.slug);
    expect(report.body).toMatchObject({ ok: true, wallets: walletCount, differences: [] });
  });
});

/** Pairs of one wallet whose versions contradict the clock. */
function disorder(
  sent: SentOperation[],
  stored: Map<string, { status: string; version: number | null }>,
): string[] {
  const faults: string[] = [];
  let pairs = 0;
  for (const a of sent) {
    for (const b of sent) {
      if (a.plan.userId !== b.plan.userId || a.answeredAt >= b.sentAt) continue;
      pairs += 1;
      const before = stored.get(a.id)?.version ?? Number.NaN;
      const after = stored.get(b.id);
      // A refusal leaves the version as it found it.
      const right =
        after?.status === 'applied' ? before < (after.version ?? 0) : before <= (after?.version ?? -1);
      if (!right) faults.push(`${a.id} (${before}) before ${b.id} (${after?.version})`);
    }
  }
  expect(pairs).toBeGreaterThan(sent.length);
  return faults.slice(0, 10);
}
