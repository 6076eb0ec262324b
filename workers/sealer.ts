// Seals what was settled into each tenant's chain of hashes, beside settling and never in its way (docs/decisions/0016).
import type { Services } from '#shared/boot/services.ts';
import {
  findHead,
  findSealingTime,
  insertBlock,
  takeQueued,
  tryLockChain,
  tryLockSealing,
} from '#shared/db/chain.ts';
import { listLeafTexts } from '#shared/db/chain-leaves.ts';
import { withTenant, withTransaction } from '#shared/db/pool.ts';
import { listActiveSlugs } from '#shared/db/tenants.ts';
import { blockHash, leafHash, treeHash } from '#shared/runtime/hash-chain.ts';

export interface Sealer {
  /** One round now. */
  run(): Promise<void>;
  close(): Promise<void>;
}

type SealerDeps = Pick<Services, 'db' | 'log' | 'metrics'>;

const tenantsPerRound = 200;
const entriesPerBlock = 2000;
/** A tenant with more waits for its next turn. */
const blocksPerTurn = 50;
const roundEveryMs = 3000;
/** After each block the sealer rests this many times as long as it took: settling goes first. */
const restFactor = 3;
const restMsMax = 500;

/** Only one process seals at a time; a round takes the next tenants in alphabetical order, around and around. */
export function startSealer(deps: SealerDeps): Sealer {
  let position = '';
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const rest = (ms: number) =>
    new Promise<void>((resolve) => {
      if (closed) resolve();
      else setTimeout(resolve, Math.min(ms, restMsMax));
    });

  const round = () =>
    withTransaction(deps.db.app, async (tx) => {
      if (!(await tryLockSealing(tx))) return;
      const tenants = await listActiveSlugs(deps.db.app, position, tenantsPerRound);
      position = tenants.length < tenantsPerRound ? '' : (tenants.at(-1) ?? '');
      for (const tenant of tenants) {
        for (let blocks = 0; blocks < blocksPerTurn && !closed; blocks += 1) {
          const started = performance.now();
          const entries = await sealTurn(deps, tenant);
          if (entries < entriesPerBlock) break;
          await rest((performance.now() - started) * restFactor);
        }
      }
    });

  const run = (): Promise<void> => {
    running ??= round()
      .catch((error: unknown) => deps.log.warn({ err: error }, 'sealing failed; trying again'))
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const tick = () => {
    if (!closed) timer = setTimeout(() => void run().then(tick), roundEveryMs);
  };
  tick();
  return {
    run,
    async close() {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/** One tenant's trouble must not keep the others waiting. */
async function sealTurn(deps: SealerDeps, tenant: string): Promise<number> {
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
 * @returns the number of entries sealed; 0 also while another process seals this tenant. @throws EntryMissing
 */
export function sealBlock(deps: Pick<SealerDeps, 'db' | 'metrics'>, tenant: string): Promise<number> {
  return withTenant(deps.db.app, tenant, async (tx) => {
    if (!(await tryLockChain(tx))) return 0;
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
