// What is asked and shown about a tenant's webhook endpoints and their deliveries.
import { z } from '@hono/zod-openapi';
import { type DeliveryStatus, messageName, webhookTypes } from '#shared/contracts/webhooks.ts';
import type { EndpointRow } from '#shared/db/webhook-endpoints.ts';
import type { DeliveryLine, DeliveryWhole } from '#shared/db/webhook-views.ts';
import { plainLine } from '#shared/tenants/plain-line.ts';
import { listQuery } from '../operator/listing.ts';

const url = z
  .string()
  .min(1)
  .max(2000)
  .describe('Where it is posted to: https, and no address inside a network');
const eventTypes = z
  .array(z.enum(webhookTypes))
  .max(webhookTypes.length)
  .refine((types) => new Set(types).size === types.length, 'must not repeat a type')
  .describe('Types that it gets; empty: all');
const description = plainLine(200).nullable();

export const newEndpointInput = z.strictObject({
  url,
  eventTypes: eventTypes.default([]),
  description: description.default(null),
});

export const endpointChangeInput = z.strictObject({
  url: url.optional(),
  eventTypes: eventTypes.optional(),
  description: description.optional(),
  status: z
    .enum(['enabled', 'disabled'])
    .optional()
    .describe('`enabled` opens it again. What happened while it was disabled was not written for it'),
});

const overlapMax = 30 * 24 * 3600;
export const secretRotationInput = z.strictObject({
  overlapSeconds: z
    .int()
    .min(0)
    .max(overlapMax)
    .default(24 * 3600)
    .describe('How long the secret before signs too; 0: not at all any more'),
});

export const replayInput = z.strictObject({
  since: z.iso
    .datetime({ offset: true })
    .describe('Failed deliveries of messages since then are tried again'),
});

export const deliveryStatuses = ['waiting', 'delivered', 'failed'] as const satisfies DeliveryStatus[];
export const deliveryQuery = listQuery.extend({
  status: z.enum(deliveryStatuses).optional(),
  type: z.string().max(60).optional(),
});

export const endpointSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    description: z.string().nullable(),
    eventTypes: z.array(z.string()),
    status: z.enum(['enabled', 'disabled']),
    disabledReason: z.string().nullable().describe('`gone`: it answered 410; `by_hand`'),
    disabledAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('WebhookEndpoint');

export const secretAnswer = z.object({
  endpoint: endpointSchema,
  secret: z.string().describe('`whsec_…`, shown this once'),
});

const attemptSchema = z.object({
  at: z.iso.datetime(),
  code: z.int().nullable().describe('The HTTP status; null: there was no answer'),
  detail: z.string().nullable().describe('Why it does not count as delivered'),
  ms: z.int(),
});

export const deliverySchema = z
  .object({
    id: z.string(),
    messageId: z.string().describe('The header `webhook-id`: the same at every attempt and in every replay'),
    endpointId: z.string(),
    type: z.string(),
    status: z.enum(deliveryStatuses),
    attempts: z.int(),
    last: attemptSchema.nullable(),
    nextAt: z.iso.datetime().nullable().describe('Of one that waits: when it is tried next'),
    createdAt: z.iso.datetime(),
    finishedAt: z.iso.datetime().nullable(),
  })
  .openapi('WebhookDelivery');

export const wholeDeliverySchema = deliverySchema.extend({
  log: z.array(attemptSchema).describe('The latest attempts, oldest first'),
  payload: z.string().describe('The body, byte for byte as it is signed'),
});

const iso = (time: Date | null) => time?.toISOString() ?? null;

export function toEndpointView({ tenant: _, ...row }: EndpointRow): z.infer<typeof endpointSchema> {
  return {
    ...row,
    disabledAt: iso(row.disabledAt),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

export function toDeliveryView(row: DeliveryLine): z.infer<typeof deliverySchema> {
  const { id, messageId, endpointId, type, status, attempts, last, nextAt, createdAt, finishedAt } = row;
  const times = { nextAt: iso(nextAt), createdAt: createdAt.toISOString(), finishedAt: iso(finishedAt) };
  return { id, messageId: messageName(messageId), endpointId, type, status, attempts, last, ...times };
}

export function toWholeDelivery(row: DeliveryWhole): z.infer<typeof wholeDeliverySchema> {
  return { ...toDeliveryView(row), log: row.log, payload: row.payload };
}
