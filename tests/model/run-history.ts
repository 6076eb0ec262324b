// Plays a history to the real journal and queue, and holds what came out against the model.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Accept } from '#api/accept.ts';
import { type OperationDraft, toRow } from '#api/journal-row.ts';
import type { Services } from '#shared/boot/services.ts';
import { insertInternalOperation, insertOperations } from '#shared/db/journal.ts';
import { withTenant } from '#shared/db/pool.ts';
import { insertPurchases } from '#shared/db/purchases.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { draftOf, type Earlier, type Owner } from './drafts.ts';
import { gems, type Plan, type Round, walletCount } from './history.ts';
import type { Waker } from './waker.ts';
import type { Watch } from './watch.ts';

export interface Stage {
  services: Services;
  /** Senders: each has a journal lane of its own, as API processes have. */
  accepts: Accept[];
  tenant: Tenant;
  watch: Watch;
  waker: Waker;
}

export interface Played {
  owners: Owner[];
  /** The round in which each operation was sent. */
  rounds: Map<string, number>;
  /** Of each atomic batch, its members. */
  groups: string[][];
}

export function newOwners(): Owner[] {
  const users = Array.from({ length: gems }, () => newId());
  const owners = Array.from({ length: walletCount }, (_, at) => ({
    userId: users[at % gems] as string,
    walletId: newId(),
  }));
  return owners;
}

export async function insertOwners(services: Services, tenant: string, owners: Owner[]): Promise<void> {
  await withTenant(services.db.app, tenant, async (tx) => {
    await tx.query(`insert into users (id) select unnest($1::uuid[])`, [
      [...new Set(owners.map((each) => each.userId))],
    ]);
    await tx.query(
      `insert into wallets (id, user_id, currency) select * from unnest($1::uuid[], $2::uuid[], $3::text[])`,
      [
        owners.map((each) => each.walletId),
        owners.map((each) => each.userId),
        owners.map((_, at) => (at === gems ? 'GEM' : 'GOLD')),
      ],
    );
  });
}

/** Sends round by round; what is sent in one round is in flight at the same moment. */
export async function play(stage: Stage, history: Round[]): Promise<Played> {
  const owners = newOwners();
  await insertOwners(stage.services, stage.tenant.slug, owners);
  const stranger = { userId: randomUUID(), walletId: randomUUID() };
  const earlier: Earlier[] = [];
  const rounds = new Map<string, number>();
  const groups: string[][] = [];
  for (const [number, round] of history.entries()) {
    const sends: Promise<Earlier[]>[] = [];
    const drafts = round.plans.flatMap((plan) => {
      const draft = draftOf(plan, { owners, stranger }, earlier);
      return draft ? [{ plan, draft }] : [];
    });
    const members = drafts.filter(({ draft }) => draft.kind !== 'purchase');
    if (round.atomic && members.length > 1) {
      sends.push(sendGroup(stage, members));
      groups.push([]);
    } else {
      for (const each of drafts)
        sends.push(each.draft.kind === 'purchase' ? sendPurchase(stage, each) : sendCopies(stage, each));
      for (const plan of round.plans)
        if (plan.kind === 'clawback') sends.push(sendClawback(stage, plan, earlier));
    }
    const answered = (await Promise.all(sends)).flat();
    for (const { id } of answered) rounds.set(id, number);
    if (round.atomic && members.length > 1) groups[groups.length - 1] = answered.map((each) => each.id);
    earlier.push(...answered);
    if (round.waits) await stage.watch.settled(answered.map((each) => each.id));
  }
  await stage.watch.settled([...rounds.keys()]);
  return { owners, rounds, groups };
}

interface Send {
  plan: Plan;
  draft: OperationDraft;
}

const answerOf = ({ plan, draft }: Send, id: string): Earlier => ({
  id,
  kind: plan.kind,
  owner: { userId: draft.userId, walletId: draft.walletId },
});

/** The same request several times at once, through different senders: one operation. */
async function sendCopies({ accepts, tenant }: Stage, send: Send): Promise<Earlier[]> {
  const answers = await Promise.all(
    Array.from({ length: send.plan.copies }, (_, copy) => {
      const accept = accepts[(copy + send.plan.back) % accepts.length] as Accept;
      return accept.submit(tenant, newId(), send.draft, { wait: false });
    }),
  );
  const ids = new Set(answers.map((each) => each.view.id));
  assert.equal(ids.size, 1, 'a request that is sent again is the same operation');
  assert.equal(answers.filter((each) => !each.replayed).length, 1, 'and new only once');
  return [...ids].map((id) => answerOf(send, id));
}

/** As the route of batches does: all members in one transaction. */
async function sendGroup(stage: Stage, sends: Send[]): Promise<Earlier[]> {
  const groupId = newId();
  const ids = sends.map(newId).sort();
  const rows = sends.map(({ draft }, at) => toRow(ids[at] as string, { ...draft, groupId }));
  await withTenant(stage.services.db.app, stage.tenant.slug, (tx) => insertOperations(tx, rows));
  await stage.waker.wake(rows.map((row) => row.id));
  return rows.map((row, at) => answerOf(sends[at] as Send, row.id));
}

/** One whose money has come. */
async function sendPurchase(stage: Stage, send: Send): Promise<Earlier[]> {
  const row = { ...toRow(newId(), send.draft), due: true };
  const { quote } = send.draft;
  await withTenant(stage.services.db.app, stage.tenant.slug, async (tx) => {
    await insertOperations(tx, [row]);
    if (quote) await insertPurchases(tx, [{ operationId: row.id, coins: row.amount ?? 0, ...quote }]);
  });
  await stage.waker.wake([row.id]);
  return [answerOf(send, row.id)];
}

async function sendClawback(stage: Stage, plan: Plan, earlier: Earlier[]): Promise<Earlier[]> {
  const purchases = earlier.filter((each) => each.kind === 'purchase');
  const target = purchases.at(-1 - (plan.back % Math.max(purchases.length, 1)));
  if (!target) return [];
  const id = newId();
  await withTenant(stage.services.db.app, stage.tenant.slug, (tx) =>
    insertInternalOperation(tx, {
      id,
      kind: 'clawback',
      ...target.owner,
      amount: plan.amount,
      originalId: target.id,
      idempotencyKey: ` clawback:${id}`,
      shortfall: plan.shortfall,
    }),
  );
  await stage.waker.wake([id]);
  return [{ id, kind: 'clawback', owner: target.owner }];
}
