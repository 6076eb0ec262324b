// Line 47: what a suspended tenant still can, and what becomes of what happens meanwhile.
import { randomUUID } from 'node:crypto';
import type { AttackTenant, Ground } from './ground.ts';
import { newEmail, newPassword } from './ground.ts';
import { type Attack, expectAnswer, expectSame, expectThat } from './line.ts';

async function suspendedTenant(ground: Ground): Promise<string> {
  const packs = [{ id: 'starter', name: 'Starter', coins: 500, price: 499 }];
  const tenant = await ground.newTenant({ packs });
  const user = await ground.newUser(tenant);
  await ground.grant(tenant, user.id, 10);
  const bought = await ground.send('POST', '/wallet/buy', {
    as: user.token,
    key: randomUUID(),
    wait: 10,
    body: { pack: 'starter', provider: 'sandbox' },
  });
  const change = (status: string) => ground.operator('PATCH', `/operator/tenants/${tenant.slug}`, { status });
  expectAnswer('the tenant is suspended', await change('suspended'), 200);
  await expectAllSuspended(ground, tenant, { ...user, operation: bought.body.id ?? randomUUID() });
  if (bought.status !== 201) {
    ground.unshown.push('its jobs need a sandbox to pay at, and the server runs in production');
    return '';
  }
  const inbox = `/operator/tenants/${tenant.slug}/provider-events`;
  const events = async (): Promise<{ id: string; status: string }[]> =>
    (await ground.operator('GET', inbox)).body.data ?? [];
  const paid = await ground.send('POST', `${new URL(bought.body.checkoutUrl).pathname}/pay`);
  expectAnswer('the payer of a suspended tenant pays', paid, 200);
  const heard = await ground.poll(async () => (await events()).length > 0);
  expectThat('the webhook of the payment is stored', heard !== undefined, 'one event', await events());
  // Long enough for a worker, and for a look of the sweep.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const statuses = (await events()).map(({ status }) => status);
  expectSame(
    'the event of a suspended tenant',
    statuses,
    statuses.map(() => 'received'),
  );
  expectAnswer('the tenant is resumed', await change('active'), 200);
  // Its jobs look again within half a minute; an operator need not wait.
  for (const { id } of await events()) {
    const replayed = await ground.operator('POST', `${inbox}/${id}/replay`);
    expectAnswer('its event is taken up again', replayed, 202);
  }
  const arrived = await ground.poll(async () => (await ground.balance(user.token)) === 510);
  expectThat('the coins after it', arrived !== undefined, '510', await ground.balance(user.token));
  return 'what was paid meanwhile waited, and was granted after';
}

async function expectAllSuspended(
  ground: Ground,
  { slug, secretKey }: AttackTenant,
  user: {
    id: string;
    email: string;
    password: string;
    token: string;
    refreshToken: string;
    operation: string;
  },
): Promise<void> {
  const { email, password, refreshToken } = user;
  const key = randomUUID();
  const tries: [string, string, object][] = [
    ['GET', '/profile', { as: user.token }],
    ['GET', '/wallet/balance', { as: user.token }],
    ['GET', '/wallet/transactions', { as: user.token }],
    ['GET', `/operations/${user.operation}`, { as: user.token }],
    ['POST', '/wallet/spend', { as: user.token, key, body: { amount: 1 } }],
    ['POST', '/wallet/buy', { as: user.token, key, body: { pack: 'starter', provider: 'sandbox' } }],
    ['POST', '/wallet/refund', { as: user.token, key, body: { operationId: user.operation } }],
    [
      'POST',
      '/password/change',
      { as: user.token, body: { currentPassword: password, newPassword: newPassword() } },
    ],
    ['POST', '/logout', { as: user.token }],
    ['GET', `/profile?userId=${user.id}`, { as: secretKey }],
    ['GET', `/wallet/balance?userId=${user.id}`, { as: secretKey }],
    ['POST', '/wallet/grant', { as: secretKey, key, body: { userId: user.id, amount: 1 } }],
    ['POST', '/token/refresh', { body: { refreshToken } }],
    ['POST', '/login', { tenant: slug, body: { email, password } }],
    ['POST', '/register', { tenant: slug, body: { email: newEmail(), password } }],
    ['POST', '/password/forgot', { tenant: slug, body: { email } }],
  ];
  for (const [method, path, options] of tries) {
    const answer = await ground.send(method, path, options);
    expectAnswer('at a suspended tenant', answer, '403 tenant_suspended');
  }
}

export const suspensionLine: Attack = {
  number: 47,
  title: 'a suspended tenant',
  needs: [],
  run: suspendedTenant,
};
