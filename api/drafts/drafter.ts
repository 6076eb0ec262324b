// What turns a body into a draft of an operation: one piece of code for a route of its own, a batch and a schedule.
import type { z } from '@hono/zod-openapi';
import type { ApiDeps, Caller, RequiredScope } from '../context.ts';
import type { OperationDraft } from '../journal-row.ts';

export type DraftDeps = Pick<ApiDeps, 'db' | 'wallets'>;

export interface Drafter<S extends z.ZodType = z.ZodType> {
  /** What a platform's key needs. */
  scope: RequiredScope;
  input: S;
  /** A user's coins leave by it: much of them asks for a second factor. */
  moves?: true;
  /** @throws Problem for whatever is wrong with it before the ledger is asked. */
  draft(deps: DraftDeps, caller: Caller, input: z.output<S>, idempotencyKey: string): Promise<OperationDraft>;
}

/** Keeps the input's type between its parts. */
export const drafter = <S extends z.ZodType>(parts: Drafter<S>): Drafter<S> => parts;
