// What the demo consists of, and how each piece is made once: by idempotency keys, as any client would.
import { setTimeout as sleep } from 'node:timers/promises';
import { Refused, type SeedClient } from './client.ts';
import { demoTenant } from './demo-tenant.ts';

type Step =
  | { kind: 'buy'; name: string; pack: string }
  | { kind: 'grant'; name: string; amount: number }
  | { kind: 'spend'; name: string; amount: number }
  /** `of` names an earlier step of the same user. */
  | { kind: 'refund'; name: string; of: string; amount: number };

interface DemoUser {
  email: string;
  name: string;
  password: string;
  steps: Step[];
}

const password = 'correct horse battery';

/** The last step of Ben is more than he has: a refusal belongs to the picture. */
export const demoUsers: DemoUser[] = [
  {
    email: 'ada@example.com',
    name: 'Ada',
    password,
    steps: [
      { kind: 'buy', name: 'first-purchase', pack: 'starter' },
      { kind: 'spend', name: 'sword', amount: 120 },
      { kind: 'spend', name: 'potion', amount: 40 },
      { kind: 'refund', name: 'potion-back', of: 'potion', amount: 15 },
    ],
  },
  {
    email: 'ben@example.com',
    name: 'Ben',
    password,
    steps: [
      { kind: 'grant', name: 'welcome-bonus', amount: 50 },
      { kind: 'spend', name: 'hat', amount: 20 },
      { kind: 'spend', name: 'castle', amount: 1000 },
    ],
  },
];

type State = 'made' | 'was there' | 'left out';
export type Say = (state: State, what: string) => void;

interface Operation {
  id: string;
  status: string;
  amount: number;
  reason: string | null;
  checkoutUrl?: string | null;
}

interface Session {
  user: { id: string };
  accessToken: string;
  refreshToken: string;
}

/** Makes the user and the steps that are missing. `platformKey` gives a key that may grant, when one is needed. */
export async function seedUser(
  client: SeedClient,
  platformKey: () => Promise<string>,
  user: DemoUser,
  say: Say,
): Promise<void> {
  const { session, isNew } = await ensureUser(client, user);
  say(isNew ? 'made' : 'was there', `user ${user.email}`);
  const made = new Map<string, string>();
  for (const step of user.steps) {
    const { id, text, state } = await runStep(client, platformKey, user, session, step, made);
    made.set(step.name, id);
    say(state, `  ${step.name}: ${text}`);
    // What follows would spend coins that are not there, and its key would remember the refusal.
    if (state === 'left out') break;
  }
  const { balance } = (
    await client.send<{ balance: number }>('GET', '/wallet/balance', {
      as: session.accessToken,
      accept: [200],
    })
  ).body;
  console.log(`           ${user.email} has ${balance} coins`);
  const { refreshToken } = session;
  await client.send('POST', '/logout', { as: session.accessToken, body: { refreshToken }, accept: [204] });
}

async function ensureUser(
  client: SeedClient,
  { email, name, password }: DemoUser,
): Promise<{ session: Session; isNew: boolean }> {
  const tenant = demoTenant.slug;
  const registered = await client.send<Session>('POST', '/register', {
    tenant,
    body: { email, password, name },
    accept: [201, 409],
  });
  if (registered.status === 201) return { session: registered.body, isNew: true };
  const login = await client.send<Session>('POST', '/login', {
    tenant,
    body: { email, password },
    accept: [200],
  });
  return { session: login.body, isNew: false };
}

interface StepResult {
  /** Empty where there is no operation to refer to. */
  id: string;
  text: string;
  state: State;
}

const stateOf = ({ replayed }: { replayed: boolean }): State => (replayed ? 'was there' : 'made');

async function runStep(
  client: SeedClient,
  platformKey: () => Promise<string>,
  user: DemoUser,
  session: Session,
  step: Step,
  made: Map<string, string>,
): Promise<StepResult> {
  const key = `seed-${user.name.toLowerCase()}-${step.name}`;
  const as = session.accessToken;
  if (step.kind === 'grant') return grant(client, platformKey, session, step, key);
  if (step.kind === 'buy') return buy(client, as, step.pack, key);
  const body =
    step.kind === 'spend'
      ? { amount: step.amount, reference: step.name }
      : { operationId: made.get(step.of), amount: step.amount };
  const answer = await client.send<Operation>('POST', `/wallet/${step.kind}`, {
    as,
    key,
    body,
    accept: [201, 202, 402],
  });
  const state = stateOf(answer);
  // A refusal's problem has no operation; nothing refers to it later.
  if (answer.status === 402)
    return { id: '', text: `${step.kind} ${step.amount}: insufficient_funds`, state };
  return { id: answer.body.id, text: `${step.kind} ${step.amount}: ${answer.body.status}`, state };
}

/** A second run has no secret key and needs none where the user's history shows the grant. */
async function grant(
  client: SeedClient,
  platformKey: () => Promise<string>,
  session: Session,
  { name, amount }: Extract<Step, { kind: 'grant' }>,
  key: string,
): Promise<StepResult> {
  const history = await client.send<{ data: { reference: string | null; operationId: string }[] }>(
    'GET',
    '/wallet/transactions?kind=grant&limit=100',
    { as: session.accessToken, accept: [200] },
  );
  const known = history.body.data.find(({ reference }) => reference === name);
  if (known) return { id: known.operationId, text: `grant ${amount}: applied`, state: 'was there' };
  const answer = await client.send<Operation>('POST', '/wallet/grant', {
    as: await platformKey(),
    key,
    body: { userId: session.user.id, amount, reference: name },
    accept: [201, 202],
  });
  return { id: answer.body.id, text: `grant ${amount}: ${answer.body.status}`, state: stateOf(answer) };
}

const paidMsMax = 20_000;

/** Buys through the sandbox and pays; in production there is no sandbox, and the purchase is left out. */
async function buy(client: SeedClient, as: string, pack: string, key: string): Promise<StepResult> {
  const answer = await client.send<Operation & { code?: string }>('POST', '/wallet/buy', {
    as,
    key,
    body: { pack, provider: 'sandbox' },
    accept: [201, 202, 409],
  });
  const { id, checkoutUrl, code } = answer.body;
  if (answer.status === 409) return { id: '', text: `buy ${pack}: ${code}`, state: 'left out' };
  const deadline = performance.now() + paidMsMax;
  let isPaid = false;
  for (;;) {
    const { body } = await client.send<Operation>('GET', `/operations/${id}`, { as, accept: [200] });
    if (body.status === 'applied')
      return { id, text: `buy ${pack}: ${body.amount} coins`, state: stateOf(answer) };
    const address = body.checkoutUrl ?? checkoutUrl;
    if (!isPaid && body.status === 'awaiting_payment' && address) {
      await client.send('POST', `${address}/pay`, { accept: [200] });
      isPaid = true;
    }
    if (performance.now() > deadline) {
      throw new Refused(
        `The purchase ${id} is still "${body.status}": do the workers run, and is the API at PUBLIC_URL?`,
      );
    }
    await sleep(100);
  }
}
