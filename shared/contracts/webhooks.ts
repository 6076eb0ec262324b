// What a tenant's own server is told, by webhooks in the form of https://www.standardwebhooks.com.

/** Types that an endpoint can ask for. */
export const webhookTypes = [
  'operation.applied',
  'operation.rejected',
  'entry.posted',
  'purchase.failed',
  'purchase.expired',
  'alert.raised',
  'alert.cleared',
  'top_up.started',
  'top_up.disabled',
  'payout.requested',
  'payout.paid',
  'payout.failed',
  'payout.returned',
] as const;

/** Sent on request, to one endpoint, whatever it asks for. */
export const testType = 'webhook.test';
export type WebhookType = (typeof webhookTypes)[number] | typeof testType;

/** The body of every webhook. */
export interface WebhookPayload {
  type: WebhookType;
  /** When it happened, ISO 8601. */
  timestamp: string;
  tenant: string;
  data: object;
}

export type DeliveryStatus = 'waiting' | 'delivered' | 'failed';

export interface DeliveryAttempt {
  /** ISO 8601. */
  at: string;
  /** The HTTP status; null when there was no answer. */
  code: number | null;
  detail: string | null;
  ms: number;
}

/** How a message is named to its receiver, at every attempt and in every replay. */
export const messageName = (id: string): string => `msg_${id}`;

/** How long a delivery is tried, in seconds: three days. */
export const deliverySeconds = 3 * 24 * 3600;
