// An API as it is opened by its own process, so that tests can run two of them on one database.
import { openApi } from '#api/open.ts';
import { openServices } from '#shared/boot/services.ts';
import { loadConfig } from '#shared/config/env.ts';
import { createLog } from '#shared/runtime/log.ts';
import { testSecretKey } from '#tests/support/database.ts';
import { operatorToken } from '#tests/support/system.ts';

interface Call {
  bearer?: string;
  tenant?: string;
  body?: unknown;
}

/** One API process, without a port, of several on a database. */
export async function openProcess(databaseUrl: string) {
  const config = loadConfig({ BCRYPT_COST: '4', DATABASE_POOL: '4', SECRET_KEY: testSecretKey });
  const log = createLog('silent', 'test');
  const secrets = { operatorToken, secretKeys: [testSecretKey] };
  const services = await openServices({ config, secrets, databaseUrl, log, workers: false });
  const api = await openApi(services);
  return {
    services,
    async call(method: string, path: string, { bearer, tenant, body }: Call = {}) {
      const headers: Record<string, string> = { 'content-type': 'application/json' };
      if (bearer) headers.authorization = `Bearer ${bearer}`;
      if (tenant) headers['x-tenant'] = tenant;
      const sent = method === 'GET' || method === 'DELETE' ? undefined : JSON.stringify(body ?? {});
      const response = await api.app.request(path, { method, headers, body: sent });
      const text = await response.text();
      return { status: response.status, body: text ? JSON.parse(text) : undefined };
    },
    async close() {
      await api.close();
      await services.close();
    },
  };
}

export type Process = Awaited<ReturnType<typeof openProcess>>;
