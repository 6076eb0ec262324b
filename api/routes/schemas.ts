// The shapes that several routes share, as the OpenAPI document shows them.
import { z } from '@hono/zod-openapi';
import { amountMax, operationKinds, operationStatuses } from '#shared/contracts/operation.ts';

const isCleanText = (text: string) => !text.includes('\0') && text.isWellFormed();
const notCleanText = 'must be well-formed text without NUL';

/** Text that Postgres can hold: well-formed Unicode without NUL. */
export const cleanText = z.string().refine(isCleanText, notCleanText);

export const amount = z
  .int()
  .min(1)
  .max(amountMax)
  .openapi({
    ...{ description: 'Whole coins', example: 25, type: 'integer', format: 'int64' },
    ...{ minimum: 1, maximum: amountMax },
  });

export const reference = cleanText
  .min(1)
  .max(255)
  .openapi({ description: 'Your own reference, shown in the history', example: 'order-1042' });

const metadataBytesMax = 4096;
const metadataDepthMax = 32;
const metadataNameMax = 64;

/** What is wrong with metadata, or undefined. Walks without recursion: 64 KiB of brackets would break the stack. */
function metadataFault(metadata: Record<string, unknown>): string | undefined {
  const names = Object.keys(metadata);
  if (names.some((name) => name.length < 1 || name.length > metadataNameMax)) {
    return `names must have 1 to ${metadataNameMax} characters`;
  }
  const left: { value: unknown; depth: number }[] = [{ value: metadata, depth: 0 }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value, depth } = next;
    if (depth > metadataDepthMax) return `must be nested at most ${metadataDepthMax} deep`;
    if (typeof value === 'number' && !Number.isFinite(value)) return 'has a number that is too large';
    if (typeof value === 'string' && !isCleanText(value)) return notCleanText;
    if (typeof value !== 'object' || value === null) continue;
    if (!Object.keys(value).every(isCleanText)) return notCleanText;
    for (const inner of Object.values(value)) left.push({ value: inner, depth: depth + 1 });
  }
  const isSmall = Buffer.byteLength(JSON.stringify(metadata)) <= metadataBytesMax;
  return isSmall ? undefined : `must have at most ${metadataBytesMax} bytes as JSON`;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

// Not z.record: it would leave out a member named __proto__ in silence.
export const metadata = z
  .custom<Record<string, unknown>>(isRecord, 'must be an object')
  .superRefine((value, context) => {
    const message = isRecord(value) ? metadataFault(value) : undefined;
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  })
  .openapi({ type: 'object', description: 'Anything of yours, at most 4 KiB', example: { level: 7 } });

export const userIdField = z
  .uuid()
  .optional()
  .openapi({ description: 'For whom a platform acts; users act for themselves and leave it out' });

export const operationSchema = z
  .object({
    id: z.uuid(),
    kind: z.enum(operationKinds),
    status: z.enum(operationStatuses),
    amount: z.int().nullable(),
    userId: z.uuid(),
    walletId: z.uuid(),
    reference: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    reason: z
      .string()
      .nullable()
      .openapi({
        description:
          'Why it was rejected: the code of the refusal. While it is `accepted`, `held_for_review` says that a ' +
          'rule of the tenant holds it until an operator decides',
      }),
    createdAt: z.iso.datetime(),
    settledAt: z.iso.datetime().nullable(),
    balanceAfter: z.int().nullable(),
    walletVersion: z
      .int()
      .nullable()
      .openapi({ description: "The wallet's version after it: orders all operations of a wallet" }),
    originalOperationId: z.uuid().optional(),
    bucket: z.enum(['paid', 'bonus']).optional(),
    expiresAt: z.iso.datetime().optional().openapi({
      description: 'Of a grant or a purchase: when its coins run out. Of a hold: when it lets go',
    }),
    legs: z
      .array(z.object({ userId: z.uuid(), amount: z.int() }))
      .optional()
      .openapi({ description: 'Of a transfer: who gets how many coins' }),
    fee: z.int().optional().openapi({ description: 'Of a transfer: what the platform keeps' }),
    exchange: z
      .object({ walletId: z.uuid(), give: z.int(), get: z.int() })
      .optional()
      .openapi({ description: 'Of an exchange: `get` coins of the other wallet for each `give` coins' }),
    item: z
      .object({ id: z.string(), quantity: z.int(), price: z.int() })
      .optional()
      .openapi({ description: 'What a spend buys; `price` in coins a unit' }),
    units: z.int().optional().openapi({ description: 'Of a use' }),
    payout: z
      .object({ amount: z.int(), currency: z.string(), provider: z.string() })
      .optional()
      .openapi({ description: 'Of a payout: the money, in the minor unit of the currency' }),
    checkoutUrl: z.url().nullable().optional(),
    payment: z
      .object({
        provider: z.string(),
        price: z.int().openapi({ description: 'In the minor unit of the currency' }),
        currency: z.string(),
        status: z.string(),
        refunded: z.int(),
      })
      .optional(),
  })
  .openapi('Operation');

export const problemSchema = z
  .object({
    type: z.url(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().openapi({ example: 'insufficient_funds' }),
    requestId: z.string().nullable(),
    errors: z.array(z.object({ pointer: z.string(), code: z.string(), detail: z.string() })).optional(),
  })
  .openapi('Problem');

const text = (description: string) => ({ description, schema: { type: 'string' as const } });

/** An answer of application/problem+json for the document. */
export function problemAnswer(description: string) {
  return { description, content: { 'application/problem+json': { schema: problemSchema } } };
}

/** Headers that refusals of a status carry, for the document. */
export const problemHeaders: Record<number, Record<string, ReturnType<typeof text>>> = {
  401: { 'WWW-Authenticate': text('What to send instead (RFC 6750)') },
  429: {
    'Retry-After': text('Seconds until another try makes sense'),
    RateLimit: text('What is left of which rate, and until when (draft-ietf-httpapi-ratelimit-headers)'),
    'RateLimit-Policy': text('The rate that was reached'),
  },
  503: { 'Retry-After': text('Seconds until another try makes sense') },
};

export const idempotencyHeaders = z.object({
  'idempotency-key': z.string().optional().openapi({
    description: 'Required: 1 to 255 visible characters, new for each intent',
    example: 'order-1042-pay',
    pattern: '^[\\x21-\\x7e]{1,255}$',
  }),
  prefer: z.string().optional().openapi({
    description: 'wait=N (seconds, at most 10) answers once the outcome is known',
    example: 'wait=5',
  }),
});

const operationHeaders = {
  Location: text('Of the operation'),
  'Idempotency-Replayed': text('"true" where the key was used before: this is that operation, as it stands'),
};

/** The answers that every POST of an operation can have. */
export const operationAnswers = {
  201: {
    description: 'Waited for and applied',
    headers: { ...operationHeaders, 'Preference-Applied': text('"wait=N", as it was granted (RFC 7240)') },
    content: { 'application/json': { schema: operationSchema } },
  },
  202: {
    description:
      'Journaled durably; the outcome follows at Location. Also within a wait, where its time is up or the ' +
      'operation is held for review',
    headers: { ...operationHeaders, 'Retry-After': text('Seconds until another look makes sense') },
    content: { 'application/json': { schema: operationSchema } },
  },
  400: problemAnswer('malformed_request, idempotency_key_required'),
  401: { ...problemAnswer('unauthenticated'), headers: problemHeaders[401] },
  402: problemAnswer('insufficient_funds, when waited for'),
  403: problemAnswer('insufficient_scope, tenant_mismatch, tenant_suspended, forbidden, step_up_required'),
  404: problemAnswer('user_not_found, operation_not_found'),
  409: problemAnswer(
    'A refusal, when waited for: wallet_frozen, not_refundable, refund_exceeds_original, item_used, balance_limit, ' +
      'account_too_new, velocity_exceeded, refused_in_review',
  ),
  413: problemAnswer('payload_too_large'),
  415: problemAnswer('unsupported_media_type'),
  422: problemAnswer('invalid_input, idempotency_key_reused'),
  503: { ...problemAnswer('unavailable, overloaded'), headers: problemHeaders[503] },
};

type Security = Record<string, string[]>[];
/** Routes that a user or a platform may call. */
export const callerSecurity: Security = [{ user: [] }, { platform: [] }];
export const platformSecurity: Security = [{ platform: [] }];
