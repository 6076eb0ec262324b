// A tenant with a server of its own that listens, and what its platform does with it.
import { randomUUID } from 'node:crypto';
import { type Answer, call, createTenant, registerUser, type TestTenant } from '#tests/support/client.ts';
import { type System, uniqueSlug } from '#tests/support/system.ts';
import { startTenantServer, type TenantServer } from './tenant-server.ts';

export interface HookedTenant {
  tenant: TestTenant;
  userId: string;
  server: TenantServer;
  endpointId: string;
  secret: string;
  /** A request below `/webhook-endpoints` with the tenant's secret key. */
  platform(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Gives the user so many coins. */
  grant(amount?: number): Promise<Answer>;
  /** The endpoint's deliveries as its log shows them, newest first. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into lines of every state.
  log(query?: string): Promise<any[]>;
  close(): Promise<void>;
}

export async function hookTenant(
  system: System,
  { eventTypes = ['operation.applied'], settings = {} }: { eventTypes?: string[]; settings?: object } = {},
): Promise<HookedTenant> {
  const server = await startTenantServer();
  const tenant = await createTenant(system.url, uniqueSlug('hooked'), settings);
  const platform = (method: string, path: string, body?: unknown) =>
    call(method, `${system.url}/webhook-endpoints${path}`, {
      token: tenant.secretKey,
      ...(body === undefined ? {} : { body }),
    });
  const made = await platform('POST', '', { url: server.url, eventTypes });
  if (made.status !== 201) throw new Error(`no endpoint: ${made.status} ${JSON.stringify(made.body)}`);
  const { id: userId } = await registerUser(system.url, tenant);
  const endpointId = made.body.endpoint.id as string;
  return {
    ...{ tenant, userId, server, endpointId, secret: made.body.secret, platform },
    grant: (amount = 1) =>
      call('POST', `${system.url}/wallet/grant`, {
        ...{ token: tenant.secretKey, key: randomUUID(), wait: 10, body: { userId, amount } },
      }),
    log: async (query = '') => (await platform('GET', `/${endpointId}/deliveries${query}`)).body.data,
    close: () => server.close(),
  };
}
