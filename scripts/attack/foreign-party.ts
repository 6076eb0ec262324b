// A tenant with one object of every kind that an id can name, made through the API alone.
import { randomBytes, randomUUID } from 'node:crypto';

export interface Reply {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers have every shape.
  body: any;
}

export interface SendOptions {
  /** Access token, secret key or operator token. */
  as?: string;
  tenant?: string;
  /** Idempotency-Key. */
  key?: string;
  /** Prefer: wait, in seconds. */
  wait?: number;
  body?: unknown;
}

/** One request to the server; `path` is below its address. */
export type Send = (method: string, path: string, options?: SendOptions) => Promise<Reply>;

/** What an id can name. */
export const objectKinds = [
  ...(['user', 'session', 'operation', 'hold', 'wallet', 'freeze', 'key', 'purchase'] as const),
  ...(['providerEvent', 'reconciliation', 'signingKey', 'passkey', 'entitlement', 'lot'] as const),
  ...(['batch', 'schedule', 'webhookEndpoint', 'webhookDelivery', 'paymentMethod'] as const),
  ...(['payout', 'payoutBatch'] as const),
] as const;
export type ObjectKind = (typeof objectKinds)[number];

export interface Party {
  slug: string;
  secretKey: string;
  /** A user's access token. */
  token: string;
  objects: Record<ObjectKind, string>;
  /** Kinds of which the server could be brought to make none, so that an id was made up. */
  madeUp: ObjectKind[];
}

const pollMs = 50;
const waitMsMax = 15_000;

async function poll<T>(probe: () => Promise<T | undefined>): Promise<T | undefined> {
  const end = Date.now() + waitMsMax;
  for (;;) {
    const found = await probe();
    if (found !== undefined || Date.now() > end) return found;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function expect({ status, body }: Reply, expected: number, what: string): Reply['body'] {
  if (status === expected) return body;
  throw new Error(`${what} was answered ${status} ${body?.code ?? ''}, not ${expected}`);
}

/** @throws Error when the server does not even let the ground be laid. */
export async function createParty(send: Send, operatorToken: string, slug: string): Promise<Party> {
  const operator = (method: string, path: string, body?: unknown) =>
    send(method, `/operator/tenants${path}`, { as: operatorToken, body });
  const items = [{ id: 'potion', name: 'Potion', price: 1, kind: 'consumable' }];
  const payouts = { price: 1, minimum: 1, holdDays: 0, provider: 'manual', byUsers: true };
  const settings = { items, payouts };
  const made = expect(await operator('POST', '', { slug, name: slug, settings }), 201, 'a new tenant');
  const { secretKey } = made;
  const user = await createUser(send, slug);
  const { objects, token } = user;
  const act = (as: string, path: string, body: object) =>
    send('POST', path, { as, key: randomUUID(), wait: 10, body });
  const grant = { userId: objects.user, amount: 10 };
  const granted = expect(await act(secretKey, '/wallet/grant', grant), 201, 'a grant');
  const spent = expect(await act(token, '/wallet/spend', { amount: 1 }), 201, 'a spend');
  const held = expect(await act(token, '/wallet/holds', { amount: 1 }), 201, 'a hold');
  const owned = expect(await act(token, '/wallet/spend', { item: 'potion' }), 201, 'a spend on an item');
  const earned = await earnAndCashOut(send, slug, secretKey, objects.user);
  const batch = { operations: [{ kind: 'spend', userId: objects.user, amount: 1 }] };
  const sentBatch = expect(await act(secretKey, '/wallet/batch', batch), 201, 'a batch');
  const plan = { kind: 'grant', userId: objects.user, amount: 1, startAt: '2999-01-01T00:00:00Z' };
  const planned = expect(await act(secretKey, '/schedules', plan), 201, 'a schedule');
  const bought = await act(token, '/wallet/buy', { coins: 100, provider: 'sandbox', storeMethod: true });
  const signing = await operator('GET', `/${slug}/signing-keys`);
  const keys = expect(await operator('GET', `/${slug}/keys`), 200, 'the keys');
  // A passkey takes an authenticator: who has one may put its id in afterwards.
  const found: Partial<Record<ObjectKind, string>> = {
    ...{ ...objects, operation: spent.id, hold: held.id, wallet: spent.walletId, key: keys.data[0].id },
    entitlement: owned.id,
    ...{ batch: sentBatch.id, schedule: planned.id, ...earned },
    signingKey: signing.body.data?.[0]?.kid,
    // The coins of a grant are a lot of its own id.
    lot: granted.id,
    ...(bought.status === 201 ? { purchase: bought.body.id } : {}),
  };
  if (bought.status === 201) {
    found.paymentMethod = await payAndKeep(send, token, bought);
    found.providerEvent = await poll(async () => {
      // Acted on: from then on nothing of this tenant changes by itself.
      const { body } = await operator('GET', `/${slug}/provider-events?status=processed`);
      return body.data?.[0]?.id;
    });
    found.reconciliation = (await operator('POST', `/${slug}/reconciliations`, {})).body?.data?.[0]?.id;
  }
  const freeze = await operator('POST', `/${slug}/wallets/${spent.walletId}/freezes`, { note: 'a claim' });
  found.freeze = expect(freeze, 201, 'a freeze').cause;
  // Nobody is there: what is sent to it waits.
  const hook = { url: 'https://webhooks.invalid/', eventTypes: ['alert.raised'] };
  const endpoint = expect(await operator('POST', `/${slug}/webhook-endpoints`, hook), 201, 'an endpoint');
  found.webhookEndpoint = endpoint.endpoint.id;
  const tested = await operator('POST', `/${slug}/webhook-endpoints/${endpoint.endpoint.id}/test`);
  found.webhookDelivery = expect(tested, 202, 'a test event').id;
  const madeUp = objectKinds.filter((kind) => found[kind] === undefined);
  const invented = Object.fromEntries(madeUp.map((kind) => [kind, randomUUID()]));
  return { slug, secretKey, token, objects: { ...found, ...invented } as Party['objects'], madeUp };
}

/** Pays as the payer, who wants the method to be kept. @returns its id, once it is there */
async function payAndKeep(send: Send, token: string, { body }: Reply): Promise<string | undefined> {
  await send('POST', `${new URL(body.checkoutUrl).pathname}/pay`);
  return poll(async () => (await send('GET', '/payment-methods', { as: token })).body.data?.[0]?.id);
}

/** Somebody sends the user two coins: one is paid out alone, the other with everybody's. */
async function earnAndCashOut(send: Send, slug: string, secretKey: string, userId: string) {
  const { objects } = await createUser(send, slug);
  const act = (path: string, body: object) =>
    send('POST', path, { as: secretKey, key: randomUUID(), wait: 10, body });
  const coins = { userId: objects.user, amount: 2 };
  expect(await act('/wallet/grant', { ...coins, bucket: 'paid' }), 201, 'a grant');
  expect(await act('/wallet/transfer', { ...coins, toUserId: userId }), 201, 'a transfer');
  const { id: payout } = expect(await act('/wallet/payouts', { userId, amount: 1 }), 201, 'a payout');
  const { id: payoutBatch } = expect(await act('/payouts/batches', {}), 201, 'a batch of payouts');
  return { payout, payoutBatch };
}

type Neighbour = Pick<Party['objects'], 'user' | 'session' | 'operation' | 'hold' | 'entitlement' | 'lot'> &
  Partial<Pick<Party['objects'], 'paymentMethod'>>;

/** Another user of the same tenant, with an operation. */
export async function createNeighbour(send: Send, { slug, secretKey }: Party): Promise<Neighbour> {
  const { objects, token } = await createUser(send, slug);
  const body = { userId: objects.user, amount: 10 };
  const granted = await send('POST', '/wallet/grant', { as: secretKey, key: randomUUID(), wait: 10, body });
  const { id: operation } = expect(granted, 201, 'a grant');
  const asked = { as: token, key: randomUUID(), wait: 10, body: { amount: 1 } };
  const bought = { as: token, key: randomUUID(), wait: 10, body: { item: 'potion' } };
  const order = { coins: 1, provider: 'sandbox', storeMethod: true };
  const checkout = await send('POST', '/wallet/buy', { as: token, key: randomUUID(), wait: 10, body: order });
  const paymentMethod = checkout.status === 201 ? await payAndKeep(send, token, checkout) : undefined;
  return {
    ...objects,
    ...(paymentMethod === undefined ? {} : { paymentMethod }),
    operation,
    // The coins of a grant are a lot of its own id.
    lot: operation,
    entitlement: expect(await send('POST', '/wallet/spend', bought), 201, 'a spend on an item').id,
    hold: expect(await send('POST', '/wallet/holds', asked), 201, 'a hold').id,
  };
}

interface PartyUser {
  token: string;
  objects: { user: string; session: string };
}

async function createUser(send: Send, slug: string): Promise<PartyUser> {
  const email = `party-${randomBytes(6).toString('hex')}@attack.example`;
  const password = `Party-${randomBytes(9).toString('base64url')}-words`;
  const answer = await send('POST', '/register', { tenant: slug, body: { email, password } });
  const { user, accessToken } = expect(answer, 201, 'a registration');
  const claims = JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url').toString('utf8'));
  return { token: accessToken, objects: { user: user.id, session: claims.sid } };
}
