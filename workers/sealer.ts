// Seals what was settled into each tenant's chain of hashes, beside settling and never in its way (docs/decisions/0019).
import type { Services } from '#shared/boot/services.ts';
import { findHead, findSealingTime, insertBlock, takeQueued, tryLockChain } from '#shared/db/chain.ts';
import { listLeafTexts } from '#shared/db/chain-leaves.ts';
import { withTenant } from '#shared/db/pool.ts';
import { listActiveSlugs } from '#shared/db/tenants.ts';
import type { Alarm } from '#shared/outbox/clock.ts';
import { blockHash, leafHash, treeHash } from '#shared/runtime/hash-chain.ts';

export interface Sealer {
  /** Something of this tenant was settled: it is sealed soon. */
  touch(tenant: string): void;
  /** Seals the tenants that were touched, now. */
  run(): Promise<void>;
  /** Rings every minute, in one process: for what was settled elsewhere, or by a process that is gone. */
  alarm: Alarm;
  close(): Promise<void>;
}

type SealerDeps = Pick<Services, 'db' | 'log' | 'metrics'>;

const tenantsPerPage = 500;
const entriesPerBlock = 2000;
/** A tenant with more waits for its next turn. */
const blocksPerTurn = 50;
/** Between a settle and its seal, so that many settles share a block. */
const delayMs = 3000;
/** After each block the sealer rests this many times as long as it took: settling goes first, and blocks grow meanwhile. */
const restFactor = 3;
const restMsMax = 500;

export function startSealer(deps: SealerDeps): Sealer {
  let touched = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let closed = false;

  /** @returns whether there is more to seal */
  const takeTurn = async (tenant: string): Promise<boolean> => {
    for (let blocks = 0; blocks < blocksPerTurn && !closed; blocks += 1) {
      const started = performance.now();
      const entries = await sealOrReport(deps, tenant);
      if (entries === 'busy') return true;
      const restMs = Math.min((performance.now() - started) * restFactor, restMsMax);
      await new Promise((resolve) => setTimeout(resolve, restMs));
      if (entries < entriesPerBlock) return false;
    }
    return true;
  };

  const touch = (tenant: string) => {
    touched.add(tenant);
    if (!closed) timer ??= setTimeout(() => void run(), delayMs);
  };
  const round = async () => {
    const tenants = touched;
    touched = new Set();
    for (const tenant of tenants) if (await takeTurn(tenant)) touch(tenant);
  };
  const run = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    // What is touched while a round is under way belongs to the next one.
    const next = (running ?? Promise.resolve()).then(round);
    running = next;
    return next;
  };

  return {
    touch,
    run,
    alarm: {
      name: 'seal',
      cron: '* * * * *',
      async handle() {
        for (let after = ''; !closed; ) {
          const slugs = await listActiveSlugs(deps.db.app, after, tenantsPerPage);
          for (const slug of slugs) if (!closed) await takeTurn(slug);
          after = slugs.at(-1) ?? '';
          if (slugs.length < tenantsPerPage) return;
        }
      },
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/** One tenant's trouble must not keep the others waiting; the alarm comes back to it. */
async function sealOrReport(deps: SealerDeps, tenant: string): Promise<number | 'busy'> {
  try {
    return await sealBlock(deps, tenant);
  } catch (error) {
    if (error instanceof EntryMissing) {
      deps.log.error({ alert: 'seal_broken', tenant, ...error.entry }, error.message);
    } else deps.log.warn({ err: error, tenant }, 'a tenant could not be sealed; trying again');
    return 0;
  }
}

/** The queue names an entry that is not there: somebody took it away, and a block would hide that. */
export class EntryMissing extends Error {
  readonly entry: { walletId: string; version: number };
  constructor(entry: { walletId: string; version: number }) {
    super('an entry is gone that waited to be sealed; nothing more is sealed until a person looked at it');
    this.entry = entry;
  }
}

/**
 * Seals what waited longest into one block.
 * @returns the number of entries sealed, or that another process seals this tenant now. @throws EntryMissing
 */
export function sealBlock(
  deps: Pick<SealerDeps, 'db' | 'metrics'>,
  tenant: string,
): Promise<number | 'busy'> {
  return withTenant(deps.db.app, tenant, async (tx) => {
    if (!(await tryLockChain(tx))) return 'busy';
    const ranges = await takeQueued(tx, entriesPerBlock);
    if (ranges.length === 0) return 0;
    const head = await findHead(tx, tenant);
    const leaves = (await listLeafTexts(tx, ranges)).map(({ text, walletId, version }) => {
      if (text === undefined) throw new EntryMissing({ walletId, version });
      return leafHash(text);
    });
    const block = {
      n: head.n + 1,
      previous: head.hash,
      root: treeHash(leaves),
      entries: leaves.length,
      total: head.total + leaves.length,
      sealedAt: await findSealingTime(tx),
    };
    const hash = blockHash(block);
    await insertBlock(tx, { ...block, hash, leaves: Buffer.concat(leaves), ranges });
    tx.afterCommit(() => deps.metrics.sealed.inc(leaves.length));
    return leaves.length;
  });
}
