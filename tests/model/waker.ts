// Wakes workers for what histories journal by themselves: one job for all that comes in one turn.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Services } from '#shared/boot/services.ts';

export interface Waker {
  /** Resolves once the job is in the queue. */
  wake(ids: string[]): Promise<void>;
}

/** With a job for each operation, a hundred histories at once would wait for jobs most of all. */
export function openWaker({ producer }: Pick<Services, 'producer'>, tenant: string): Waker {
  let waiting: string[] = [];
  let woken: Promise<void> | undefined;

  const wakeSoon = async () => {
    await nextTurn();
    const ids = waiting;
    waiting = [];
    woken = undefined;
    await producer.wakeOperations(
      tenant,
      ids.map((id) => ({ queue: 'spend', kind: 'model', id, notify: false })),
    );
  };

  return {
    wake(ids) {
      waiting.push(...ids);
      woken ??= wakeSoon();
      return woken;
    },
  };
}
