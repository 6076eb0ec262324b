// Lines 48, 49 and 51: amounts that are none, coins spent twice, and providers that lie or repeat themselves.
import { createHmac, randomUUID } from 'node:crypto';
import type { AttackTenant, AttackUser, Ground } from './ground.ts';
import type { Answer } from './http.ts';
import { type Attack, expectAnswer, expectSame, expectThat, NotShown } from './line.ts';

/** As they stand in the JSON text: some of them no JSON library would write. */
const badAmounts = [
  ...['-1', '0', '-0', '0.5', '1.0000001', '-9007199254740991', '9007199254740992', '9007199254740993'],
  ...[
    '1e16',
    '1e400',
    '-1e400',
    '99999999999999999999999999',
    '"5"',
    '"1e1"',
    'null',
    'true',
    '[1]',
    '{}',
    '""',
  ],
];
/** Not JSON at all. */
const noJson = ['NaN', 'Infinity', '0x10', '05', '+5', '1_000', '5n', '.5'];

async function badAmountsRefused(ground: Ground): Promise<string> {
  const tenant = await ground.plainTenant();
  const user = await ground.newUser(tenant);
  await ground.grant(tenant, user.id, 10);
  const spent = await ground.spend(user.token, { amount: 4 });
  expectAnswer('a spend', spent, 201);
  const bodies: Record<string, (amount: string) => string> = {
    '/wallet/spend': (amount) => `{"amount":${amount}}`,
    '/wallet/grant': (amount) => `{"amount":${amount},"userId":"${user.id}"}`,
    '/wallet/refund': (amount) => `{"amount":${amount},"operationId":"${spent.body.id}"}`,
    '/wallet/buy': (amount) => `{"coins":${amount},"provider":"sandbox"}`,
  };
  for (const [path, write] of Object.entries(bodies)) {
    const as = path === '/wallet/grant' ? tenant.secretKey : user.token;
    for (const amount of [...badAmounts, ...noJson]) {
      const body = write(amount);
      const answer = await ground.send('POST', path, { as, key: randomUUID(), body });
      const expected = noJson.includes(amount) ? '400 malformed_request' : '422 invalid_input';
      expectAnswer(`${amount} coins`, answer, expected);
    }
  }
  expectSame('the balance', await ground.balance(user.token), 6);
  return `${badAmounts.length} amounts at ${Object.keys(bodies).length} routes; ${noJson.length} that are not even JSON are 400`;
}

async function parallelSpends(ground: Ground): Promise<string> {
  const tenant = await ground.newTenant();
  const user = await ground.newUser(tenant);
  const coins = 60;
  await ground.grant(tenant, user.id, coins);
  // Half of them at the other process, where there is one.
  const spend = (index: number) => {
    const path = index % 2 && ground.has('second') ? `${ground.secondUrl}/wallet/spend` : '/wallet/spend';
    return ground.send('POST', path, { as: user.token, key: randomUUID(), wait: 10, body: { amount: 1 } });
  };
  const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => spend(index)));
  for (const answer of answers) expectAnswer('one of 100 spends', answer, 201, '402 insufficient_funds');
  const applied = answers.filter(({ status }) => status === 201);
  expectSame('spends that were applied', applied.length, coins);
  const balances = applied.map(({ body }) => body.balanceAfter as number).toSorted((a, b) => a - b);
  expectSame(
    'the balances after them',
    balances,
    Array.from({ length: coins }, (_, index) => index),
  );
  expectSame('the balance', await ground.balance(user.token), 0);
  const books = await ground.operator('GET', `/operator/tenants/${tenant.slug}/integrity`);
  expectSame('the books', [books.body.ok, books.body.differences], [true, []]);
  return `of 100 spends of one coin, ${coins} were applied: there were ${coins} coins`;
}

const stripeSecret = 'whsec_of_the_attack_suite_0123456789';

/** Stripe's way to sign, with the secret that we gave to the tenant ourselves. */
function signStripe(body: string, atMs = Date.now(), secret = stripeSecret): Record<string, string> {
  const time = Math.floor(atMs / 1000);
  const mac = createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
  return { 'stripe-signature': `t=${time},v1=${mac}` };
}

/** Buys 500 coins at the sandbox. @throws NotShown in production, where there is none */
async function buy(ground: Ground, user: AttackUser): Promise<{ id: string; checkoutUrl: string }> {
  const answer = await ground.send('POST', '/wallet/buy', {
    as: user.token,
    key: randomUUID(),
    wait: 10,
    body: { pack: 'starter', provider: 'sandbox' },
  });
  if (answer.body.code === 'provider_not_configured') {
    throw new NotShown('the server has no sandbox to pay at: it runs in production');
  }
  expectAnswer('a purchase', answer, 201);
  return answer.body;
}

const pay = (ground: Ground, { checkoutUrl }: { checkoutUrl: string }) =>
  ground.send('POST', new URL(checkoutUrl).pathname.concat('/pay'));

/** The webhooks of a tenant that came in, newest first. */
async function eventsOf(
  ground: Ground,
  { slug }: AttackTenant,
): Promise<{ id: string; status: string; provider: string; attempts: number }[]> {
  const answer = await ground.operator('GET', `/operator/tenants/${slug}/provider-events?limit=100`);
  expectAnswer('the inbox', answer, 200);
  return answer.body.data;
}

async function lyingProvider(ground: Ground): Promise<string> {
  const packs = [{ id: 'starter', name: 'Starter', coins: 500, price: 499 }];
  const providers = { stripe: { secretKey: 'sk_test_attack', webhookSecret: stripeSecret } };
  const [tenant, other] = [
    await ground.newTenant({ packs, providers }),
    await ground.newTenant({
      packs,
      providers: {
        stripe: { secretKey: 'sk_test_other', webhookSecret: `${stripeSecret}-other` },
      },
    }),
  ];
  const user = await ground.newUser(tenant);
  const first = await buy(ground, user);

  const object = {
    id: 'cs_attack',
    object: 'checkout.session',
    payment_status: 'paid',
    amount_total: 1,
    currency: 'usd',
    metadata: { tenant: tenant.slug, purchaseId: first.id },
  };
  const body = JSON.stringify({
    id: `evt_${randomUUID()}`,
    object: 'event',
    type: 'checkout.session.completed',
    data: { object },
  });
  const report = (slug: string, headers: Record<string, string>, text = body): Promise<Answer> =>
    ground.send('POST', `/webhooks/stripe/${slug}`, { headers, body: text });
  const forged: [string, string, Record<string, string>, string?][] = [
    ['no signature', tenant.slug, {}],
    ['a signature of another secret', tenant.slug, signStripe(body, Date.now(), 'whsec_guess')],
    ['a signature of ten minutes ago', tenant.slug, signStripe(body, Date.now() - 600_000)],
    ['a signature of tomorrow', tenant.slug, signStripe(body, Date.now() + 86_400_000)],
    ['another body under the signature', tenant.slug, signStripe(body), body.replace('"usd"', '"eur"')],
    ["another tenant's signature", other.slug, signStripe(body)],
  ];
  for (const [what, slug, headers, text] of forged) {
    expectAnswer(what, await report(slug, headers, text), '401 invalid_signature');
  }
  const now = Math.floor(Date.now() / 1000);
  for (const signature of ['', `t=${now},v1=${'0'.repeat(64)}`, `t=${now},v1=`, `t=${now}`]) {
    const headers = { 'sandbox-signature': signature };
    const answer = await ground.send('POST', `/webhooks/sandbox/${tenant.slug}`, { body, headers });
    expectAnswer(`the sandbox's signature "${signature}"`, answer, '401 invalid_signature');
  }
  // Well signed, and a lie: it says that a purchase of the sandbox was paid at Stripe, with one cent.
  expectAnswer('a signed lie', await report(tenant.slug, signStripe(body)), 200);

  for (let again = 0; again < 3; again += 1) expectAnswer('the payer pays', await pay(ground, first), 200);
  const paid = await ground.poll(async () => (await ground.balance(user.token)) === 500);
  expectThat('the coins of one payment', paid !== undefined, '500', await ground.balance(user.token));
  for (const { id } of await eventsOf(ground, tenant)) {
    const replayed = await ground.operator(
      'POST',
      `/operator/tenants/${tenant.slug}/provider-events/${id}/replay`,
    );
    expectAnswer('a webhook is replayed', replayed, 202);
  }
  await ground.part('database', async () => {
    for (const paidInstead of [{ amount: 400 }, { currency: 'eur' }]) {
      const purchase = await buy(ground, user);
      await ground.database.plantPayment(purchase.id, paidInstead);
      expectAnswer('the payer pays something else', await pay(ground, purchase), 200);
    }
  });
  // What the lie says is looked up at Stripe, which knows nothing of it; the rest is decided.
  const decided = async () =>
    (await eventsOf(ground, tenant)).every(({ status, provider, attempts }) =>
      provider === 'stripe'
        ? attempts > 0 || status === 'received'
        : !['received', 'parked'].includes(status),
    );
  await ground.poll(decided, 5000);
  expectSame('the balance after all of it', await ground.balance(user.token), 500);
  const books = await ground.operator('GET', `/operator/tenants/${tenant.slug}/integrity`);
  expectSame('the books', [books.body.ok, books.body.differences], [true, []]);
  return `${forged.length + 4} signatures that are none, a signed lie, three payments, replays, a wrong amount and currency: 500 coins, once`;
}

export const moneyLines: Attack[] = [
  { number: 48, title: 'negative, zero, broken and huge amounts', needs: [], run: badAmountsRefused },
  { number: 49, title: '100 spends at the same moment', needs: [], run: parallelSpends },
  { number: 51, title: "a provider's webhook: forged, stale, twice, untrue", needs: [], run: lyingProvider },
];
