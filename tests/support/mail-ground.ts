// What mail tests stand on: services on a database of their own, a tenant, its users, and their operations.

import { v7 as uuidv7 } from 'uuid';
import { openServices, type Services } from '#shared/boot/services.ts';
import { loadConfig } from '#shared/config/env.ts';
import type { EmailJob, MailTemplate } from '#shared/contracts/jobs.ts';
import { withTenant } from '#shared/db/pool.ts';
import { createLog } from '#shared/runtime/log.ts';
import { defaultCoin } from '#shared/tenants/coin-settings.ts';
import { provisionTenant } from '#shared/tenants/provision.ts';
import { tenantSettings } from '#shared/tenants/settings.ts';
import type { EmailDeps } from '#workers/email.ts';
import { createMailer } from '#workers/mail/mailer.ts';
import { cloneDatabase, testSecretKey } from './database.ts';

const operatorToken = 'op_only-for-tests';

export interface MailGround {
  services: Services;
  deps: EmailDeps;
  databaseUrl: string;
  close(): Promise<void>;
}

interface GroundOptions {
  smtpUrl: string;
  redisUrl?: string;
  /** Unset: a clone of the template. */
  databaseUrl?: string;
}

export async function openMailGround(name: string, options: GroundOptions): Promise<MailGround> {
  const database = options.databaseUrl ? undefined : await cloneDatabase(name);
  const databaseUrl = options.databaseUrl ?? database?.url ?? '';
  const services = await openTestServices({ ...options, databaseUrl });
  const mailer = createMailer(services.config, services.log);
  return {
    services,
    deps: { ...services, mailer },
    databaseUrl,
    async close() {
      await mailer.close();
      await services.close();
      await database?.drop();
    },
  };
}

export function openTestServices(options: GroundOptions & { databaseUrl: string }): Promise<Services> {
  const config = loadConfig({
    SECRET_KEY: testSecretKey,
    OPERATOR_TOKEN: operatorToken,
    PUBLIC_URL: 'https://coins.example',
    SMTP_URL: options.smtpUrl,
    MAIL_FROM: 'Coins <no-reply@coins.example>',
    REDIS_URL: options.redisUrl,
  });
  return openServices({
    config,
    secrets: { operatorToken, secretKeys: [testSecretKey] },
    databaseUrl: options.databaseUrl,
    log: createLog('silent', 'tests'),
    workers: true,
  });
}

interface TenantOptions {
  name?: string;
  coin?: { code: string; name: string; symbol: string };
  mail?: { fromName?: string; replyTo?: string; enabled: boolean };
}

export async function addTenant(services: Services, slug: string, options: TenantOptions = {}) {
  const settings = { ...tenantSettings.parse({}), mail: options.mail ?? { enabled: true } };
  const tenant = { slug, name: options.name ?? 'Playground', coin: options.coin ?? defaultCoin };
  await provisionTenant(services.db, services.keyring, { ...tenant, settings, providers: undefined }, 'test');
  return slug;
}

export function addUser(
  services: Services,
  tenant: string,
  user: { email?: string | null; name?: string | null; status?: string } = {},
): Promise<string> {
  const id = uuidv7();
  return withTenant(services.db.app, tenant, async (tx) => {
    await tx.query('insert into users (id, email, name, status) values ($1, $2, $3, $4)', [
      id,
      user.email === undefined ? `${id}@users.example` : user.email,
      user.name ?? null,
      user.status ?? 'active',
    ]);
    return id;
  });
}

export interface TestOperation {
  kind: 'purchase' | 'spend' | 'refund';
  amount: number;
  balanceAfter?: number;
  originalId?: string;
  reference?: string;
  purchase?: { provider: string; pack: string | null; price: number; currency: string };
  moneyBack?: { amount: number; currency: string };
}

/** An applied operation as the ledger leaves it. */
export function addOperation(services: Services, tenant: string, userId: string, operation: TestOperation) {
  const id = uuidv7();
  return withTenant(services.db.app, tenant, async (tx) => {
    await tx.query(
      `insert into operations (id, kind, status, due, wallet_id, user_id, amount, original_id, idempotency_key,
         body_hash, reference, balance_after, settled_at)
       values ($1, $2, 'applied', false, $3, $3, $4, $5, gen_random_uuid()::text, '', $6, $7, '2026-03-09T14:05:00Z')`,
      [
        id,
        operation.kind,
        userId,
        operation.amount,
        operation.originalId ?? null,
        operation.reference ?? null,
        operation.balanceAfter ?? null,
      ],
    );
    const { purchase, moneyBack } = operation;
    if (purchase) {
      await tx.query(
        `insert into purchases (operation_id, provider, pack, coins, price, currency, status)
         values ($1, $2, $3, $4, $5, $6, 'granted')`,
        [id, purchase.provider, purchase.pack, operation.amount, purchase.price, purchase.currency],
      );
    }
    if (moneyBack) {
      await tx.query(
        `insert into purchase_refunds (operation_id, purchase_id, amount, currency) values ($1, $2, $3, $4)`,
        [id, operation.originalId ?? id, moneyBack.amount, moneyBack.currency],
      );
    }
    return id;
  });
}

export function emailJob(
  tenant: string,
  userId: string,
  template: MailTemplate = 'password_changed',
  data: EmailJob['data'] = {},
): EmailJob {
  return { tenant, cause: `${template}:${uuidv7()}`, template, userId, data };
}
