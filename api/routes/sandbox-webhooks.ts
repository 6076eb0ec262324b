// Sends the sandbox's webhooks over real HTTP until each was answered with 2xx, also after a restart.
import { claimSandboxEvents, type SandboxEvent, setSandboxEventDelivered } from '#shared/db/sandbox.ts';
import type { ApiDeps } from '../context.ts';
import { signatureHeader, signWebhook, webhookSecret } from '../sandbox/signature.ts';

export interface SandboxWebhooks {
  /** Something was just stored: send it now. */
  kick(): void;
}

/** How long an answer may take, and how often a look is taken for what waits, in milliseconds. */
const answerMsMax = 5000;
const lookEveryMs = 1000;
const batchMax = 20;

type SenderDeps = Pick<ApiDeps, 'config' | 'db' | 'keyring' | 'log' | 'lifecycle'>;

/** Any number of processes may send: each event is claimed by one at a time. */
export function startSandboxWebhooks(deps: SenderDeps): SandboxWebhooks {
  let sending = false;
  let again = false;

  const round = async () => {
    do {
      again = false;
      const events = await claimSandboxEvents(deps.db.app, batchMax, answerMsMax);
      // Not one after the other: a webhook that nobody answers must not hold up the rest.
      await Promise.all(events.map((event) => deliver(deps, event)));
      again ||= events.length === batchMax;
    } while (again && !deps.lifecycle.draining);
  };

  const kick = () => {
    if (deps.lifecycle.draining) return;
    again = true;
    if (sending) return;
    sending = true;
    void round()
      .catch((error: unknown) => {
        again = false;
        deps.log.debug({ err: error }, 'sandbox webhooks could not be read');
      })
      .finally(() => {
        sending = false;
        // Kicked between the last look and now.
        if (again) kick();
      });
  };

  const timer = setInterval(() => {
    if (deps.lifecycle.draining || deps.db.app.ending) clearInterval(timer);
    else kick();
  }, lookEveryMs);
  timer.unref();
  return { kick };
}

async function deliver({ config, db, keyring, log }: SenderDeps, event: SandboxEvent): Promise<void> {
  const raw = Buffer.from(event.body);
  try {
    const response = await fetch(`${config.sandboxUrl}/webhooks/sandbox/${event.tenant}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        // Signed anew each time: an old signature would be refused for its age.
        [signatureHeader]: signWebhook(webhookSecret(keyring, event.tenant), raw, Date.now()),
      },
      body: raw,
      redirect: 'error',
      signal: AbortSignal.timeout(answerMsMax),
    });
    await response.body?.cancel();
    if (response.ok) await setSandboxEventDelivered(db.app, event.id);
    else
      log.debug(
        { tenant: event.tenant, status: response.status },
        'a sandbox webhook was refused; trying again',
      );
  } catch (error) {
    log.debug({ err: error, tenant: event.tenant }, 'a sandbox webhook did not arrive; trying again');
  }
}
