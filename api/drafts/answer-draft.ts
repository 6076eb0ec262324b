// How a route of one kind of operation answers: the draft that a batch would make of it, journaled alone.
import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { requireStepUp } from '../identity/freshness.ts';
import { requireScope } from '../middleware/caller.ts';
import { answerOperation, idempotencyKeyOf } from '../routes/answer-operation.ts';
import type { Drafter } from './drafter.ts';

/** `input` is what the drafter's own schema gave. */
export async function answerDraft<S extends z.ZodType>(
  c: Context<ApiEnv>,
  deps: ApiDeps,
  drafter: Drafter<S>,
  input: z.output<S>,
): Promise<Response> {
  const caller = c.get('caller');
  requireScope(caller, drafter.scope);
  const idempotencyKey = idempotencyKeyOf(c);
  // Whose wallet it is, and what it costs, is known before any proof of a second factor is asked for.
  const draft = await drafter.draft(deps, caller, input, idempotencyKey);
  if (drafter.moves) await requireStepUp(deps, caller, draft.amount ?? 0);
  return answerOperation(c, deps, draft);
}
