// The payload of every queue job; a job is a wake-up and holds ids, never money or secrets.

export const queueNames = ['purchase', 'spend', 'refund', 'provider', 'email', 'webhook'] as const;
export type QueueName = (typeof queueNames)[number];

/** Queues whose jobs carry journaled operations to be settled. */
export const operationQueues = ['purchase', 'spend', 'refund'] as const;
export type OperationQueue = (typeof operationQueues)[number];

export interface OperationsJob {
  tenant: string;
  operationIds: string[];
  /** Somebody waits for the outcome: tell the API processes after the commit. */
  notify: boolean;
}

export type ProviderJob =
  /** A stored webhook to verify and act on. */
  | { tenant: string; task: 'event'; eventId: string }
  /** Money to return for an applied refund of a purchase. */
  | { tenant: string; task: 'refund'; operationId: string }
  /** A top-up to charge to the stored method of its purchase. */
  | { tenant: string; task: 'charge'; operationId: string }
  /** A stored method that its user removed: its provider is to forget it. */
  | { tenant: string; task: 'detach'; provider: string; methodRef: string }
  /** A payout to send, or to ask its provider about. */
  | { tenant: string; task: 'payout'; operationId: string }
  /** A purchase whose payment may have been missed, or has run out of time. */
  | { tenant: string; task: 'check'; operationId: string }
  /** The tenant's clock was moved: what is due by it is done now, and not at the next look. */
  | { tenant: string; task: 'due' }
  /**
   * All that a provider did for this tenant, to be compared with our books. `from`: at least that far back
   * (ISO 8601). `scheduledAt`: when the clock asked; null for an operator, whose run is always made.
   */
  | {
      tenant: string;
      task: 'reconcile';
      provider: string;
      runId: string;
      from: string | null;
      scheduledAt: string | null;
    };

export interface EmailJob {
  tenant: string;
  /** Names why the mail exists; one mail leaves per tenant and cause, ever. */
  cause: string;
  template: MailTemplate;
  /** Null: nobody has looked yet whether the address has a user, so that asking takes the same time for both. */
  userId: string | null;
  /** What the template needs and the database does not hold. */
  data: Record<string, string | number | null>;
  /** Set by an operator, in Bull Board: send although an earlier attempt may have sent it already. */
  resend?: boolean;
}

/** One webhook to one endpoint of the tenant's; the row says what is left to do. */
export interface WebhookJob {
  tenant: string;
  deliveryId: string;
  /** A job of an earlier round, from before a replay, finds nothing to do. */
  round: number;
}

export type MailTemplate =
  | 'welcome'
  /** The link of the welcome mail again, on request. */
  | 'verify_email'
  | 'purchase_receipt'
  | 'refund_receipt'
  | 'password_changed'
  /** Somebody registers with an address that has an account. */
  | 'account_exists'
  | 'reset_password'
  /** To the new address: its link proves it. */
  | 'change_email'
  /** To the old address. */
  | 'email_changed'
  | 'session_reuse'
  /** `change`: added, removed, recovery_used or recovery_renewed; `factor`: totp or passkey. */
  | 'second_factor_changed'
  /** `change`: linked or unlinked; `provider`. */
  | 'identity_changed'
  | 'account_erased'
  /** `reason`: why; `label`: of the method that it used. */
  | 'top_up_disabled'
  /** To an address of the tenant's settings. `change`: raised or cleared. */
  | 'alert';

/** The queue that carries an operation of this kind. */
export function queueOf(kind: string): OperationQueue {
  if (kind === 'purchase') return 'purchase';
  // A clawback and a reversal undo a purchase or its refund: operators look for them beside refunds.
  if (kind === 'refund' || kind === 'reversal' || kind === 'clawback') return 'refund';
  return 'spend';
}
