// Sends many operations over a number of connections, keeps what was answered when, and retries what was not accepted.
import { randomUUID } from 'node:crypto';
import { call, type TestTenant } from './client.ts';

export interface PlannedOperation {
  kind: 'spend' | 'grant' | 'refund';
  userId: string;
  amount: number;
  /** For a refund: picks one of the spends answered so far. */
  refundOf?: () => string | undefined;
}

export interface SentOperation {
  id: string;
  plan: PlannedOperation;
  /** Milliseconds on one clock: when the request that was accepted was sent, and when it was answered. */
  sentAt: number;
  answeredAt: number;
}

interface LoadOptions {
  urls: string[];
  tenant: TestTenant;
  plans: PlannedOperation[];
  connections: number;
  /** Called after each accepted operation with how many there are. */
  onAccepted?: (count: number, sent: SentOperation) => void;
}

const routes = { spend: '/wallet/spend', grant: '/wallet/grant', refund: '/wallet/refund' };

/**
 * Every plan is sent until it is accepted, always with the key of its own: a request that broke off may
 * have been journaled, and the retry must find it.
 */
export async function sendAll(options: LoadOptions): Promise<SentOperation[]> {
  const sent: SentOperation[] = [];
  let next = 0;
  const connection = async (lane: number) => {
    for (let index = next++; index < options.plans.length; index = next++) {
      const plan = options.plans[index];
      if (!plan) return;
      const url = options.urls[(lane + index) % options.urls.length] as string;
      const operation = await sendUntilAccepted(url, options.tenant, plan);
      sent.push(operation);
      options.onAccepted?.(sent.length, operation);
    }
  };
  await Promise.all(Array.from({ length: options.connections }, (_, lane) => connection(lane)));
  return sent;
}

async function sendUntilAccepted(
  url: string,
  tenant: TestTenant,
  plan: PlannedOperation,
): Promise<SentOperation> {
  const key = randomUUID();
  const original = plan.kind === 'refund' ? plan.refundOf?.() : undefined;
  const kind = plan.kind === 'refund' && original === undefined ? 'spend' : plan.kind;
  const body =
    kind === 'refund'
      ? { operationId: original, amount: plan.amount, userId: plan.userId }
      : { userId: plan.userId, amount: plan.amount };
  const end = Date.now() + 60_000;
  for (;;) {
    const sentAt = performance.now();
    const answer = await call('POST', `${url}${routes[kind]}`, { token: tenant.secretKey, key, body }).catch(
      () => undefined,
    );
    if (answer?.status === 202) {
      return { id: answer.body.id, plan: { ...plan, kind }, sentAt, answeredAt: performance.now() };
    }
    if (answer && answer.status < 500)
      throw new Error(`refused: ${answer.status} ${JSON.stringify(answer.body)}`);
    if (Date.now() > end) throw new Error(`not accepted within a minute: ${JSON.stringify(answer?.body)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
