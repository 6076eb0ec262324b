// Wakes a worker for a stored webhook, whether it came now or is to be acted on again.
import { newId } from '#shared/runtime/ids.ts';
import type { ApiDeps } from '../context.ts';

/** The event is open in the inbox, so a queue that is down costs time only: the sweep finds it. */
export async function wakeEvent(
  { producer, metrics, log }: ApiDeps,
  tenant: string,
  eventId: string,
): Promise<void> {
  try {
    // The job of an earlier time may still be kept, done or failed: another key makes another job.
    await producer.addProvider({ tenant, task: 'event', eventId }, `event-${eventId}-${newId()}`);
  } catch (error) {
    metrics.enqueueFailures.inc();
    log.warn({ err: error, tenant, eventId }, 'a provider event was not enqueued; the sweep will');
  }
}
