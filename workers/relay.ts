// Moves events from the outbox into BullMQ, so that all work is done, seen and retried in one place.
import type { OutboxEvent } from '#shared/contracts/events.ts';
import { expectMail } from '#shared/db/mails.ts';
import type { WorkerDeps } from './context.ts';
import { type SpreadDeps, spreadNews } from './webhooks/spread.ts';

type RelayDeps = SpreadDeps & Pick<WorkerDeps, 'db' | 'outbox' | 'producer'>;

/** An event leaves the outbox once the queue has its job; a queue that is down leaves it where it is. */
export async function startRelay(deps: RelayDeps): Promise<{ close(): Promise<void> }> {
  return deps.outbox.consume(({ id, event }) => enqueue(deps, id, event));
}

/** The event's id becomes the job's: an event that is seen twice is one job. */
async function enqueue(deps: RelayDeps, id: string, event: OutboxEvent): Promise<void> {
  const { db, producer } = deps;
  switch (event.queue) {
    case 'email':
      // A row first: the queue may lose its data after the outbox has let the event go.
      await expectMail(db.app, event.job, id);
      return producer.addEmail(event.job, id);
    case 'provider':
      return producer.addProvider(event.job, id);
    case 'webhook':
      // Rows first, here too: the jobs that follow are wake-ups for them.
      return spreadNews(deps, id, event.news);
    default:
      // An event of a newer version of this code: it stays until a worker of that version takes it.
      throw new Error(`no queue for the event ${JSON.stringify(event satisfies never)}`);
  }
}
