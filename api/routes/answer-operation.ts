// How every POST of an operation answers: 202 at once, or within the wait that was asked for its outcome.
import type { Context } from 'hono';
import { isFinal, type OperationView } from '#shared/contracts/operation.ts';
import { isProblemCode, Problem } from '#shared/contracts/problem.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { ApiDeps, ApiEnv, Caller } from '../context.ts';
import type { OperationDraft } from '../journal-row.ts';
import type { OutcomeWaiter } from '../outcome-waiters.ts';

/** Seconds that `Prefer: wait` may ask for, at most. */
const waitSecondsMax = 10;

/** @throws Problem idempotency_key_required when it is missing or not 1 to 255 visible characters. */
export function idempotencyKeyOf(c: Context<ApiEnv>): string {
  const key = c.req.header('idempotency-key') ?? '';
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new Problem('idempotency_key_required', {
      detail: 'Send an Idempotency-Key header of 1 to 255 visible ASCII characters, new for each intent.',
    });
  }
  return key;
}

/** A preference with its value, up to the parameters; a comma inside a quoted value ends nothing. */
const preference = /[\s,]*([^\s=;,"]+)\s*(?:=\s*("[^"]*"|[^\s;,"]*))?(?:[^,"]|"[^"]*")*(?:,|$)/gy;

/**
 * The `wait` preference in seconds (RFC 7240 section 4.3), at most 10; 0 when there is none. The first of
 * several counts (section 2). `respond-async` beside it asks for what happens anyway once the time is up.
 */
export function waitSecondsOf(prefer: string | undefined): number {
  for (const [, name, value = ''] of (prefer ?? '').matchAll(preference)) {
    if (name?.toLowerCase() !== 'wait') continue;
    const seconds = value.replaceAll('"', '');
    return /^\d+$/.test(seconds) ? Math.min(Number(seconds), waitSecondsMax) : 0;
  }
  return 0;
}

/** For whom the caller acts. @throws Problem when a user names somebody else, or a platform nobody. */
export function actingUser(caller: Caller, given: string | undefined): string {
  if (caller.type === 'user') {
    if (given !== undefined && given !== caller.userId) {
      throw new Problem('forbidden', { detail: 'A user acts on the own wallet only.' });
    }
    return caller.userId;
  }
  if (given === undefined) {
    throw new Problem('invalid_input', {
      detail: 'A platform names the user: userId.',
      faults: [
        { pointer: '/userId', code: 'required', detail: 'A platform names the user that it acts for.' },
      ],
    });
  }
  return given.toLowerCase();
}

/** Journals the draft and answers by the contract: 202, or what the outcome says within the wait. */
export async function answerOperation(
  c: Context<ApiEnv>,
  deps: ApiDeps,
  draft: OperationDraft,
): Promise<Response> {
  const { tenant } = c.get('caller');
  const waitSeconds = waitSecondsOf(c.req.header('prefer'));
  const id = newId();
  const waiter = waitSeconds > 0 ? deps.waiters.start(tenant.slug, id) : undefined;
  try {
    const { view, replayed } = await deps.accept.submit(tenant, id, draft, { wait: waitSeconds > 0 });
    c.header('Location', `/operations/${view.id}`);
    c.header('Vary', 'Prefer', { append: true });
    if (replayed) c.header('Idempotency-Replayed', 'true');
    if (!waiter) return pending(c, view);
    const settled = await outcomeOf(deps, tenant.slug, view, replayed ? undefined : waiter, waitSeconds);
    // One that a person must decide on first is no outcome, and not waited for any longer.
    if (!settled || settled.status === 'accepted') return pending(c, settled ?? view);
    c.header('Preference-Applied', `wait=${waitSeconds}`);
    refuseIfRejected(settled, replayed);
    return c.json(settled, 201);
  } finally {
    waiter?.cancel();
  }
}

async function outcomeOf(
  deps: ApiDeps,
  tenant: string,
  view: OperationView,
  waiter: OutcomeWaiter | undefined,
  seconds: number,
): Promise<OperationView | undefined> {
  if (isFinal(view)) return view;
  const mine = waiter ?? deps.waiters.start(tenant, view.id);
  try {
    const ended = await mine.result(seconds * 1000);
    return ended && { ...view, ...ended };
  } finally {
    mine.cancel();
  }
}

function pending(c: Context<ApiEnv>, view: OperationView): Response {
  if (!isFinal(view)) c.header('Retry-After', '1');
  return c.json(view, 202);
}

/**
 * A rejected operation, once waited for, is the problem that its reason names. So is a purchase whose payment
 * fails meanwhile; sent again later, it is answered as it stands.
 */
function refuseIfRejected(view: OperationView, replayed: boolean): void {
  if (view.status === 'rejected') {
    const code = view.reason !== null && isProblemCode(view.reason) ? view.reason : 'internal_error';
    throw new Problem(code, {
      detail: `Operation ${view.id} was rejected: ${code}.`,
      headers: { location: `/operations/${view.id}` },
    });
  }
  if (!replayed && (view.status === 'failed' || view.status === 'expired')) {
    throw new Problem('payment_state', { detail: `The payment of operation ${view.id} is ${view.status}.` });
  }
}
