// Ends access tokens before their time: by notification at once, by a look at the session within seconds.
import { LRUCache } from 'lru-cache';
import type { Services } from '#shared/boot/services.ts';
import { withTenantAtOnce } from '#shared/db/pool.ts';
import { findLiveSessions, sessionChannel } from '#shared/db/sessions.ts';
import { createLanes, type Load } from '#shared/runtime/lanes.ts';
import { createSharedReads } from '#shared/runtime/shared-reads.ts';

interface SessionClaims {
  tenant: string;
  userId: string;
  sessionId: string;
}

export interface Revocations {
  add(sessionId: string): void;
  /** @throws when Postgres has to be asked and is gone: a door that cannot be watched stays shut. */
  isLive(claims: SessionClaims): Promise<boolean>;
}

/** How long a lost notification can keep a dead session alive. */
const recheckMs = 5000;
/** Longer than any access token lives. */
const rememberMs = 20 * 60_000;
const sessionsMax = 100_000;

/** Looks of one tenant that go together, and tenants that look at once. */
const looksMax = 500;
const looksParallel = 4;

interface Look {
  id: string;
  userId: string;
  resolve(live: boolean): void;
  reject(error: unknown): void;
}

/** All that a tenant's requests ask at one moment, in one statement. */
async function look(db: Services['db'], { tenant, work }: Load<Look>): Promise<void> {
  try {
    const live = await withTenantAtOnce(db.app, tenant, (tx) => findLiveSessions(tx, work), 'steady');
    for (const { id, resolve } of work) resolve(live.has(id));
  } catch (error) {
    for (const { reject } of work) reject(error);
  }
}

/**
 * Two bounded memories per process: sessions that are over, and what was seen of sessions within the last
 * five seconds. What the first forgets for lack of room, the second finds out again.
 */
export function createRevocations({
  db,
  listener,
  log,
}: Pick<Services, 'db' | 'listener' | 'log'>): Revocations {
  const revoked = new LRUCache<string, true>({ max: sessionsMax, ttl: rememberMs });
  const seen = new LRUCache<string, { live: boolean }>({ max: sessionsMax, ttl: recheckMs });
  const asking = createSharedReads<boolean>();
  const add = (sessionId: string) => void revoked.set(sessionId, true);
  listener.on(sessionChannel, add).catch((error: unknown) => {
    log.warn({ err: error }, 'revoked sessions are found by looking only');
  });
  const looks = createLanes<Look>({
    parallel: looksParallel,
    weightMax: looksMax,
    weigh: () => 1,
    // One short statement: tenants share no transaction for it.
    mayShare: () => false,
    mayJoin: () => false,
    async fly(loads) {
      await Promise.all(loads.map((load) => look(db, load)));
      return [];
    },
  });
  const ask = async ({ tenant, userId, sessionId: id }: SessionClaims): Promise<boolean> => {
    const live = await new Promise<boolean>((resolve, reject) => {
      looks.add(tenant, { id, userId, resolve, reject });
    });
    seen.set(id, { live });
    // A notification may have come while the answer was under way, and it knows better.
    return live && !revoked.has(id);
  };
  return {
    add,
    async isLive(claims) {
      const { sessionId } = claims;
      if (revoked.has(sessionId)) return false;
      const last = seen.get(sessionId);
      if (last) return last.live;
      // Requests that come together share one look.
      return asking.share(sessionId, () => ask(claims));
    },
  };
}
