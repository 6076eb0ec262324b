// Counts tries within windows: in Redis or Postgres for all processes, and in this one while that store is away.
import {
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRedis,
  type RateLimiterRes,
} from 'rate-limiter-flexible';
import type { Services } from '#shared/boot/services.ts';
import { deleteExpiredRateLimits } from '#shared/db/rate-limits.ts';
import { shardPrefix } from '#shared/queue/backend.ts';
import { shardOf } from '#shared/queue/producer.ts';
import type { Rate } from '#shared/tenants/protection-settings.ts';

/** One try, counted. */
export interface Take {
  /** Named in headers and metrics, and part of the key. */
  policy: string;
  rate: Rate;
  /** This try is more than the rate allows. */
  over: boolean;
  remaining: number;
  /** When the window ends, in milliseconds since 1970. */
  endsAtMs: number;
  key: string;
  /** Counted by this process alone. */
  local: boolean;
}

export interface Counters {
  /**
   * Counts one try. `tenant`: undefined counts over all tenants. `who` is stored as a MAC only. Never fails:
   * without the store it counts here, and allows less.
   */
  take(policy: string, rate: Rate, tenant: string | undefined, who: string): Promise<Take>;
  /** As if it had not been tried. */
  giveBack(take: Take): Promise<void>;
  /** As if nothing had been tried in this window. */
  clear(take: Take): Promise<void>;
}

/** One process of several allows this part of a rate while it cannot know what the others count. */
const localPart = 1 / 4;
/** A store that fails is left alone this long, so that one that hangs does not hold up each request. */
const storeRestMs = 3000;
const warnEveryMs = 10_000;
const expiredEveryMs = 5 * 60_000;
/** Hex digits: 128 bits of a MAC. */
const macLength = 32;
/** Here keys share 65,536 slots for each policy: a flood of new addresses cannot grow this process without end. */
const slotLength = 4;

type CounterDeps = Pick<Services, 'backend' | 'config' | 'db' | 'keyring' | 'log' | 'metrics'>;

/**
 * Of the library's limiters only the counting is used (`penalty` never refuses): rates are settings of
 * tenants, compared here, so one object serves them all. And its `insuranceLimiter` is not used, because
 * nobody would hear that the store is away, and what was counted here would be given back there.
 */
export function createCounters(deps: CounterDeps): Counters {
  const store = openStore(deps);
  const local = new RateLimiterMemory({ points: 1, duration: 1, keyPrefix: '' });
  const ask = createAsking(deps);
  const sweep = deps.backend.redis ? () => undefined : createSweep(deps);
  const localKey = ({ policy, key }: Pick<Take, 'policy' | 'key'>) =>
    `${policy}:${key.slice(-macLength, -macLength + slotLength)}`;
  const shards = deps.config.QUEUE_SHARDS;
  return {
    async take(policy, rate, tenant, who) {
      const mac = deps.keyring
        .mac('limits', `${policy}\0${tenant ?? ''}\0${who}`)
        .toString('hex')
        .slice(0, macLength);
      const place = deps.backend.redis ? `${shardPrefix(shardOf(tenant ?? mac, shards))}:limit:` : '';
      const key = `${place}${policy}:${tenant ?? ''}:${mac}`;
      const window = { customDuration: rate.seconds };
      sweep();
      const counted = await ask(() => store.penalty(key, 1, window));
      if (counted) return toTake({ policy, rate, key, local: false }, counted);
      const countedHere = await local.penalty(localKey({ policy, key }), 1, window);
      return toTake({ policy, rate: localRate(rate), key, local: true }, countedHere);
    },
    async giveBack(take) {
      // A window that ended took the try with it: what is given now would be a try too many in the next one.
      if (Date.now() >= take.endsAtMs) return;
      const window = { customDuration: take.rate.seconds };
      if (take.local) {
        await local.reward(localKey(take), 1, window);
        return;
      }
      const left = await ask(() => store.reward(take.key, 1, window));
      // Somebody's success cleared it meanwhile; less than nothing would be a try too many, too.
      if (left && left.consumedPoints < 0) await ask(() => store.delete(take.key));
    },
    async clear(take) {
      if (take.local) await local.delete(localKey(take));
      else await ask(() => store.delete(take.key));
    },
  };
}

const localRate = ({ count, seconds }: Rate): Rate => ({ count: Math.ceil(count * localPart), seconds });

function toTake(
  about: Pick<Take, 'policy' | 'rate' | 'key' | 'local'>,
  { consumedPoints, msBeforeNext }: RateLimiterRes,
): Take {
  const { count } = about.rate;
  return {
    ...about,
    over: consumedPoints > count,
    remaining: Math.max(0, count - consumedPoints),
    endsAtMs: Date.now() + msBeforeNext,
  };
}

function openStore({ backend, db }: CounterDeps): RateLimiterRedis | RateLimiterPostgres {
  const counting = { points: 1, duration: 1, keyPrefix: '' };
  if (backend.redis) return new RateLimiterRedis({ ...counting, storeClient: backend.redis });
  return new RateLimiterPostgres({
    ...counting,
    storeClient: db.app,
    storeType: 'pool',
    schemaName: 'coinlane',
    tableName: 'rate_limits',
    // By a migration; the app's role could not.
    tableCreated: true,
    clearExpiredByTimeout: false,
  });
}

/** Asks the store, or says undefined at once while it is known to be away. */
function createAsking({ log, metrics }: CounterDeps) {
  let awayUntil = 0;
  let warnAfter = 0;
  return async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    const now = Date.now();
    if (now < awayUntil) return undefined;
    try {
      return await work();
    } catch (error) {
      awayUntil = Date.now() + storeRestMs;
      metrics.rateStoreFailures.inc();
      if (now >= warnAfter) {
        warnAfter = now + warnEveryMs;
        log.warn(
          { err: error },
          'rates cannot be counted for all processes: this one allows a quarter of each',
        );
      }
      return undefined;
    }
  };
}

/** Postgres forgets nothing by itself. Rows are deleted by whoever counts, now and then, and by no timer. */
function createSweep({ db, log }: CounterDeps): () => void {
  let next = 0;
  return () => {
    if (Date.now() < next) return;
    next = Date.now() + expiredEveryMs;
    deleteExpiredRateLimits(db.app).catch((error) => log.debug({ err: error }, 'old counts are still there'));
  };
}
