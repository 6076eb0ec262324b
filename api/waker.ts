// Wakes the workers for what was journaled, with few jobs where much comes; a wake-up that is lost is the sweep's.
import type { Services } from '#shared/boot/services.ts';
import { operationsPerJobMax, type WakeUps } from '#shared/queue/producer.ts';
import { within } from './time-limit.ts';

export interface Waker {
  /** At once. */
  wake(groups: WakeUps[]): void;
  /**
   * At once, with what was held of these tenants; or held, where more is about to follow, as `follows` says, for at most
   * `holdMsMax`. What somebody waits for is never held, and leaves the rest held; nor is what fills a job.
   */
  wakeOrHold(groups: WakeUps[], follows: (tenant: string) => boolean): void;
  /** Lets go what is held, and waits until the queue has taken all or its time is up. */
  close(): Promise<void>;
}

/** Enqueueing goes on beside the next insert; what is beyond this many is left to the sweep. */
const enqueuesMax = 256;
const enqueueMsMax = 5000;
const warnGapMs = 5000;

interface Held extends WakeUps {
  timer: NodeJS.Timeout;
}

/** `holdMsMax` in milliseconds. */
export function createWaker(
  { producer, metrics, log }: Pick<Services, 'producer' | 'metrics' | 'log'>,
  holdMsMax: number,
): Waker {
  const enqueues = new Set<Promise<void>>();
  const held = new Map<string, Held>();
  let warnedAt = 0;
  let closed = false;

  const wake = (groups: WakeUps[]) => {
    const fresh = groups.filter(({ wakeUps }) => wakeUps.length > 0);
    if (fresh.length === 0) return;
    if (enqueues.size >= enqueuesMax) {
      metrics.enqueueFailures.inc();
      return;
    }
    const adding = within(enqueueMsMax, producer.wakeTenants(fresh))
      .catch((error: unknown) => {
        metrics.enqueueFailures.inc();
        // An outage fails many a second: the metric counts each, the log needs one now and then.
        if (Date.now() - warnedAt < warnGapMs) return;
        warnedAt = Date.now();
        const operations = fresh.reduce((sum, { wakeUps }) => sum + wakeUps.length, 0);
        log.warn(
          { err: error, tenant: fresh[0]?.tenant, tenants: fresh.length, operations },
          'not enqueued; the sweep will',
        );
      })
      .finally(() => enqueues.delete(adding));
    enqueues.add(adding);
  };

  /** With what was held of that tenant before it, which is held no more. */
  const joinHeld = ({ tenant, wakeUps }: WakeUps): WakeUps => {
    const before = held.get(tenant);
    if (!before) return { tenant, wakeUps };
    clearTimeout(before.timer);
    held.delete(tenant);
    return { tenant, wakeUps: [...before.wakeUps, ...wakeUps] };
  };

  const hold = ({ tenant, wakeUps }: WakeUps) => {
    if (wakeUps.length === 0) return;
    const before = held.get(tenant);
    if (before) before.wakeUps.push(...wakeUps);
    else {
      const timer = setTimeout(() => wake([joinHeld({ tenant, wakeUps: [] })]), holdMsMax);
      held.set(tenant, { tenant, wakeUps: [...wakeUps], timer });
    }
  };

  return {
    wake,
    wakeOrHold(groups, follows) {
      const due: WakeUps[] = [];
      for (const group of groups) {
        const { tenant, wakeUps } = group;
        const count = wakeUps.length + (held.get(tenant)?.wakeUps.length ?? 0);
        if (closed || count >= operationsPerJobMax || !follows(tenant)) due.push(joinHeld(group));
        else {
          due.push({ tenant, wakeUps: wakeUps.filter(({ notify }) => notify) });
          hold({ tenant, wakeUps: wakeUps.filter(({ notify }) => !notify) });
        }
      }
      wake(due);
    },
    async close() {
      closed = true;
      wake([...held.keys()].map((tenant) => joinHeld({ tenant, wakeUps: [] })));
      await Promise.allSettled([...enqueues]);
    },
  };
}
