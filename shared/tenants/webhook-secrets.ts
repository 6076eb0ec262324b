// Secrets that sign webhooks to tenants (Standard Webhooks, symmetric signatures): made, sealed, opened, used.
import { createHmac, randomBytes } from 'node:crypto';
import type { Queryable } from '../db/pool.ts';
import { insertWebhookSecret, type WebhookSecretRow } from '../db/webhook-endpoints.ts';
import { newId } from '../runtime/ids.ts';
import type { Keyring } from './secrets.ts';

const prefix = 'whsec_';
/** In bytes; the specification asks for 24 to 64. */
const secretBytes = 32;

/** Ties a sealed secret to its place. */
export const webhookSecretContext = (tenant: string, id: string) => `tenant/${tenant}/webhook/${id}`;

/** Makes a secret that signs from now on. @returns its only readable copy */
export async function createWebhookSecret(
  tx: Queryable,
  keyring: Keyring,
  tenant: string,
  endpointId: string,
): Promise<string> {
  const secret = prefix + randomBytes(secretBytes).toString('base64');
  const id = newId();
  const sealed = keyring.seal(secret, webhookSecretContext(tenant, id));
  await insertWebhookSecret(tx, { id, tenant, endpointId, sealed });
  return secret;
}

export function openWebhookSecrets(keyring: Keyring, tenant: string, rows: WebhookSecretRow[]): string[] {
  return rows.map(({ id, sealed }) => keyring.open(sealed, webhookSecretContext(tenant, id)));
}

/** The header `webhook-signature`: one signature per secret, so that either secret verifies while both count. */
export function signWebhook(
  secrets: string[],
  message: { name: string; timestamp: number; body: string },
): string {
  const signed = `${message.name}.${message.timestamp}.${message.body}`;
  return secrets
    .map((secret) => {
      const key = Buffer.from(secret.slice(prefix.length), 'base64');
      return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
    })
    .join(' ');
}
