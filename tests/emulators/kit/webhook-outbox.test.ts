// The outbox by itself: retries end, silence is a failure too, and closing does not wait.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createWebhookOutbox, type EmulatedEvent, type WebhookSource } from './webhook-outbox.ts';
import { startWebhookReceiver, type WebhookReceiver } from './webhook-receiver.ts';

let receiver: WebhookReceiver;
let outbox: WebhookSource;
beforeEach(async () => {
  receiver = await startWebhookReceiver();
  outbox = createWebhookOutbox({
    headersOf: ({ id }) => ({ 'content-type': 'application/json', 'x-id': id }),
  });
});
afterEach(async () => {
  outbox.close();
  await receiver.close();
});

const event = (id: string, url = receiver.url): EmulatedEvent => ({
  id,
  type: 'thing.made',
  createdAt: new Date(),
  account: 'a',
  url,
  body: `{"id": "${id}", "amount": 10.00}`,
});

test('what is pushed arrives byte for byte, with the headers made for it', async () => {
  outbox.push(event('e1'));
  await outbox.settled();
  expect(receiver.received[0]?.raw.toString()).toBe('{"id": "e1", "amount": 10.00}');
  expect(receiver.received[0]?.headers['x-id']).toBe('e1');
  expect(outbox.pending).toEqual([]);
});

test('a receiver that never accepts is given up, and one that is not there counts as 0', async () => {
  receiver.nextStatuses.push(...Array.from({ length: 9 }, () => 503));
  outbox.push(event('e1'));
  outbox.push(event('e2', 'http://127.0.0.1:1/nobody'));
  await outbox.settled();
  const statuses = (id: string) =>
    outbox.sent.filter((one) => one.event.id === id).map(({ status }) => status);
  expect(statuses('e1')).toEqual([503, 503, 503, 503, 503]);
  expect(statuses('e2')).toEqual([0, 0, 0, 0, 0]);
  expect(outbox.pending).toEqual([]);
});

test('held events wait; what is left out of a release, or pushed during it, waits for the next', async () => {
  outbox.held = true;
  for (const id of ['e1', 'e2', 'e3']) outbox.push(event(id));
  await outbox.settled();
  expect(receiver.received).toEqual([]);
  const releasing = outbox.release(([one, , three]) => [three!, one!, three!]);
  outbox.push(event('e4'));
  await releasing;
  expect(receiver.received.map(({ headers }) => headers['x-id'])).toEqual(['e3', 'e1', 'e3']);
  expect(outbox.pending.map(({ id }) => id)).toEqual(['e2', 'e4']);
  await outbox.release();
  expect(receiver.received.map(({ headers }) => headers['x-id']).slice(3)).toEqual(['e2', 'e4']);
  expect(outbox.pending).toEqual([]);
});
