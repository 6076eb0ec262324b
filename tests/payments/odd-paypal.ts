// A PayPal that logs everyone in and answers each other request as a test tells it, however oddly.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pass } from 'node:timers/promises';
import { afterEach } from 'vitest';
import type { Config } from '#shared/config/env.ts';
import { createLog } from '#shared/runtime/log.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { sealContext } from '#shared/tenants/settings.ts';
import { createPaypalProvider } from '#workers/providers/paypal.ts';
import type { PaymentProvider } from '#workers/providers/provider.ts';

const keyring = createKeyring(['a-secret-key-for-the-adapter-test']);
const credentials = { clientId: 'client', clientSecret: 'the-client-secret', webhookId: 'WEBHOOK1' };
const sealed = keyring.seal(JSON.stringify(credentials), sealContext('acme', 'paypal'));
export const tenant = { slug: 'acme', sealed: { paypal: sealed } } as unknown as Tenant;

export type Answer = { status: number; body?: unknown; type?: string; afterMs?: number } | 'hang';

/** What a request for a token is answered with, unless a test wants something else. */
export const login: Answer = { status: 204 };

/** Requests as `METHOD /path?query`, in the order of their coming. */
export let seen: string[] = [];

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** Each request has `callMs`: long, unless it is to end by the clock, since the machine may be busy with more. */
export async function paypalThat(
  answer: (call: string) => Answer,
  driver: Config['PAYPAL_DRIVER'] = 'sdk',
  callMs = 5000,
): Promise<PaymentProvider> {
  seen = [];
  let logins = 0;
  const server = createServer(async (request, response) => {
    const call = `${request.method} ${request.url}`;
    seen.push(call);
    let told = answer(call);
    if (told === login) {
      logins += 1;
      told = { status: 200, body: { access_token: `token-${logins}`, expires_in: 32_400 } };
    }
    if (told === 'hang') return;
    const { status, body = '', type = 'application/json', afterMs = 0 } = told;
    await pass(afterMs);
    response.writeHead(status, { 'content-type': type, 'paypal-debug-id': 'd3bug' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const config = {
    paypalApiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    PAYPAL_DRIVER: driver,
    PROVIDER_CALL_MS: callMs,
    publicUrl: 'http://coins.example',
  } as Config;
  return createPaypalProvider({ config, keyring, log: createLog('silent', 'test') });
}

/** An order with one capture, as PayPal shows them. */
export const capture = {
  id: 'CAP1',
  status: 'COMPLETED',
  amount: { currency_code: 'USD', value: '10.00' },
  supplementary_data: { related_ids: { order_id: 'ORDER1' } },
};
export const order = {
  id: 'ORDER1',
  status: 'COMPLETED',
  purchase_units: [{ payments: { captures: [capture] } }],
};

/** An error in PayPal's form. */
export const problem = (name: string, issue?: string) => ({
  name,
  message: 'What it means.',
  debug_id: 'b0dy',
  ...(issue && { details: [{ issue, description: 'Why.' }] }),
});
