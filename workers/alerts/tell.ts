// How an alert reads: as a webhook to the tenant's server, and as mails to the addresses of its settings.
import { hash } from 'node:crypto';
import type { OutboxEvent } from '#shared/contracts/events.ts';
import type { Telling } from '#shared/outbox/webhook-messages.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { mailSealContext } from '#shared/tenants/mail-tokens.ts';
import type { Keyring } from '#shared/tenants/secrets.ts';

export type AlertRule = 'balance_below' | 'liability_above' | 'refusal_rate';

export interface Alert {
  rule: AlertRule;
  change: 'raised' | 'cleared';
  /** What this crossing is, and no other. */
  cause: string;
  at: Date;
  /** Coins, or per cent. A value is null where nobody measures it any more. */
  threshold: number | null;
  value: number | null;
  /** What it is about. */
  about: Record<string, string | number>;
}

export function tellingOf({ rule, change, cause, at, threshold, value, about }: Alert): Telling {
  return {
    cause: `alert:${cause}:${change}`,
    type: `alert.${change}`,
    timestamp: at.toISOString(),
    data: { rule, threshold, value, ...about },
  };
}

/** One mail per address. `cause`: what makes it the same mail; alerts that share one are one mail. */
export function alertMails(
  keyring: Pick<Keyring, 'seal'>,
  { slug, settings }: Pick<Tenant, 'slug' | 'settings'>,
  { rule, change, at, threshold, value, about, ...alert }: Alert,
  cause = `${alert.cause}:${change}`,
): OutboxEvent[] {
  return settings.alerts.emails.map((address) => ({
    queue: 'email',
    job: {
      tenant: slug,
      cause: `alert:${cause}:${hash('sha256', address.toLowerCase()).slice(0, 16)}`,
      template: 'alert',
      userId: null,
      data: {
        sealedTo: keyring.seal(address, mailSealContext(slug, null)),
        ...{ rule, change, threshold, value, at: at.toISOString() },
        ...about,
      },
    },
  }));
}
