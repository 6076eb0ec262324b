// Reads which object a PayPal webhook is about; whatever else it says is not believed.
import { z } from 'zod';
import type { ProviderHint } from '../provider.ts';
import { parseJson } from './api.ts';

const event = z.object({
  event_type: z.string(),
  resource_type: z.string().optional().catch(undefined),
  resource: z.record(z.string(), z.unknown()).optional().catch(undefined),
});

type About = Exclude<ProviderHint, { about: 'nothing' }>['about'];

/** By the beginning of the event's type; the first that fits counts. */
const table: [RegExp, About, string[]][] = [
  [/^CHECKOUT\.ORDER\./, 'checkout', ['id']],
  // Names its order in a field of its own.
  [/^CHECKOUT\.PAYMENT-APPROVAL\.REVERSED$/, 'checkout', ['order_id', 'id']],
  [/^PAYMENT\.CAPTURE\.REFUNDED$/, 'refund', ['id']],
  [/^PAYMENT\.REFUND\./, 'refund', ['id']],
  [/^PAYMENT\.CAPTURE\.(PENDING|COMPLETED|DENIED|DECLINED|REVERSED)$/, 'payment', ['id']],
  [/^CUSTOMER\.DISPUTE\./, 'dispute', ['dispute_id']],
];

/** Undefined: no JSON, or none of the form that PayPal's events have. */
export function readPaypalHint(body: Buffer): ProviderHint | undefined {
  const parsed = event.safeParse(parseJson(body.toString('utf8')));
  if (!parsed.success) return undefined;
  const { event_type, resource_type, resource } = parsed.data;
  const row = table.find(([pattern]) => pattern.test(event_type));
  if (!row) return { about: 'nothing' };
  const [, about, fields] = row;
  const ref = fields.map((field) => resource?.[field]).find((value) => typeof value === 'string');
  if (ref === undefined || ref === '') return undefined;
  // A reversal is told by the record of the money that went, which has the form of a refund.
  return { about: about === 'payment' && resource_type === 'refund' ? 'refund' : about, ref };
}
