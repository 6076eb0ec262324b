// Delivers one webhook to one endpoint: signs it, sends it, writes down what came of it, and says when to try again.
import type { WebhookJob } from '#shared/contracts/jobs.ts';
import { type DeliveryAttempt, deliverySeconds, messageName, testType } from '#shared/contracts/webhooks.ts';
import { withTransaction } from '#shared/db/pool.ts';
import { announceTenantChange, insertAudit } from '#shared/db/tenants.ts';
import {
  abandonDelivery,
  type DueDelivery,
  findDueDelivery,
  postponeDelivery,
  recordAttempt,
} from '#shared/db/webhook-deliveries.ts';
import { disableEndpoint, listWebhookSecrets } from '#shared/db/webhook-endpoints.ts';
import { addressPolicy } from '#shared/tenants/webhook-address.ts';
import { openWebhookSecrets, signWebhook } from '#shared/tenants/webhook-secrets.ts';
import type { WorkerDeps } from '../context.ts';
import { JobDelayed, JobFailed, TryAgain } from '../worker.ts';
import { nextAttemptSeconds, stepBackSeconds } from './schedule.ts';
import { type SendOptions, type SendResult, sendWebhook } from './send.ts';
import type { Turns } from './turns.ts';

export type DeliverDeps = Pick<WorkerDeps, 'db' | 'config' | 'keyring' | 'tenants' | 'log' | 'metrics'> & {
  turns: Turns;
  resolve?: SendOptions['resolve'];
};

/** Attempts that the log of a delivery keeps. */
const attemptsKept = 30;

/**
 * @throws JobDelayed when it is not its turn, TryAgain when it was not delivered and will be tried again,
 * JobFailed when it was not and will not
 */
export async function deliverWebhook(deps: DeliverDeps, job: WebhookJob): Promise<void> {
  const due = await findDueDelivery(deps.db.app, job.tenant, job.deliveryId);
  // Its endpoint is gone, it was delivered by another run, or a replay has made another job.
  if (due?.status !== 'waiting' || due.round !== job.round) return;
  const nobody = (await deps.tenants.find(job.tenant)) ? due.endpointStatus === 'disabled' : true;
  if (nobody) {
    await abandonDelivery(deps.db.app, due, { ...noAnswer(), detail: 'the endpoint is disabled' });
    deps.metrics.webhooks.labels('skipped').inc();
    return;
  }
  const turn = deps.turns.begin(due.endpointId, due.type === testType);
  if (turn) return stepBack(deps, due, turn);
  const started = performance.now();
  let result: SendResult | undefined;
  try {
    result = await attempt(deps, job.tenant, due);
  } finally {
    const ms = performance.now() - started;
    // What fails on our side says nothing about the endpoint.
    deps.turns.end(due.endpointId, { ok: result === undefined || result.detail === null, ms });
  }
  const ms = Math.round(performance.now() - started);
  deps.metrics.webhookSeconds.observe(ms / 1000);
  await settle(deps, job.tenant, due, { ...noAnswer(), ...result, ms });
}

const noAnswer = (): DeliveryAttempt => ({ at: new Date().toISOString(), code: null, detail: null, ms: 0 });
const secondsLeft = ({ giveUpAt }: DueDelivery) => (giveUpAt.getTime() - Date.now()) / 1000;

/** @throws JobDelayed, JobFailed when its time is up while its endpoint is given a rest */
async function stepBack(
  deps: DeliverDeps,
  due: DueDelivery,
  { reason, ms }: NonNullable<ReturnType<Turns['begin']>>,
): Promise<never> {
  const left = secondsLeft(due);
  if (reason === 'paused' && left <= 0) {
    const detail = 'time is up, and its endpoint fails for others';
    await abandonDelivery(deps.db.app, due, { ...noAnswer(), detail });
    deps.metrics.webhooks.labels('given_up').inc();
    throw new JobFailed(`given up: ${detail}`);
  }
  deps.metrics.webhooks.labels('postponed').inc();
  if (reason === 'busy') throw new JobDelayed(ms * (1 + Math.random()));
  // Since it was told, or asked for again.
  const age = deliverySeconds - left;
  const seconds = Math.max(1, stepBackSeconds(age, ms / 1000, left));
  await postponeDelivery(deps.db.app, due, seconds);
  throw new JobDelayed(seconds * 1000);
}

async function attempt(deps: DeliverDeps, tenant: string, due: DueDelivery): Promise<SendResult> {
  const secrets = openWebhookSecrets(
    deps.keyring,
    tenant,
    await listWebhookSecrets(deps.db.app, due.endpointId),
  );
  const name = messageName(due.messageId);
  const timestamp = Math.floor(Date.now() / 1000);
  return sendWebhook(
    {
      url: due.url,
      body: due.payload,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Coinlane-Webhooks/1',
        'webhook-id': name,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': signWebhook(secrets, { name, timestamp, body: due.payload }),
      },
    },
    {
      policy: addressPolicy(deps.config),
      msMax: deps.config.WEBHOOK_CALL_MS,
      ...(deps.resolve ? { resolve: deps.resolve } : {}),
    },
  );
}

async function settle(
  deps: DeliverDeps,
  tenant: string,
  due: DueDelivery,
  made: DeliveryAttempt,
): Promise<void> {
  const { db, metrics, log } = deps;
  const facts = {
    tenant,
    endpointId: due.endpointId,
    deliveryId: due.id,
    code: made.code,
    detail: made.detail,
  };
  if (made.detail === null) {
    await recordAttempt(db.app, due, { status: 'delivered', attempt: made, nextSeconds: 0 }, attemptsKept);
    metrics.webhooks.labels('delivered').inc();
    return;
  }
  const next = made.code === 410 ? undefined : nextAttemptSeconds(due.attempts + 1, secondsLeft(due));
  const status = next === undefined ? 'failed' : 'waiting';
  await recordAttempt(db.app, due, { status, attempt: made, nextSeconds: next ?? 0 }, attemptsKept);
  metrics.webhooks.labels(next === undefined ? 'given_up' : 'failed').inc();
  if (made.code === 410) await disableGone(deps, tenant, due);
  if (next === undefined) {
    log.warn(facts, 'a webhook was given up');
    throw new JobFailed(`given up: ${made.detail}`);
  }
  throw new TryAgain(made.detail, next * 1000);
}

/** "Gone" is how a receiver says that it wants nothing any more (Standard Webhooks, "Delivery"). */
async function disableGone({ db, tenants, metrics, log }: DeliverDeps, tenant: string, due: DueDelivery) {
  const { endpointId } = due;
  const disabled = await withTransaction(db.app, async (tx) => {
    if (!(await disableEndpoint(tx, endpointId, 'gone'))) return false;
    const detail = { reason: 'gone', deliveryId: due.id };
    await insertAudit(tx, {
      ...{ tenant, actor: 'workers', action: 'webhook_endpoint.disable', target: endpointId, detail },
    });
    await announceTenantChange(tx, tenant);
    return true;
  });
  if (!disabled) return;
  tenants.forget(tenant);
  metrics.webhooksDisabled.inc();
  log.warn(
    { tenant, endpointId, alert: 'webhook_endpoint_disabled' },
    'an endpoint answered 410 and is disabled: its tenant is not told of anything any more',
  );
}
