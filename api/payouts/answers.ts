// What the routes of payouts take and answer alike.
import { z } from '@hono/zod-openapi';
import { problemAnswer } from '../routes/schemas.ts';
import { payoutView } from './list.ts';

export const tags = ['Payouts'];
export const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } });
export const body = <T extends z.ZodType>(schema: T) => ({ ...json(schema), required: true });
export const refusals = {
  401: problemAnswer('unauthenticated'),
  403: problemAnswer('forbidden, insufficient_scope, tenant_mismatch, tenant_suspended'),
  422: problemAnswer('invalid_input'),
  503: problemAnswer('unavailable'),
};
export const writing = {
  ...refusals,
  400: problemAnswer('malformed_request, idempotency_key_required'),
  413: problemAnswer('payload_too_large'),
  415: problemAnswer('unsupported_media_type'),
};
export const params = z.object({ id: z.string() });
export const shown = { 200: { description: 'The payout as it now stands', ...json(payoutView) } };
