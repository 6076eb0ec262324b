// The bodies and answers that the routes of identity share, as the OpenAPI document shows them.
import { z } from '@hono/zod-openapi';

const emailLengthMax = 254;
/** The rule of HTML's e-mail field (WHATWG), with a dot in the domain: ASCII, so no look-alike letters. */
const emailPattern =
  /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const countAt = (text: string) => text.split('@').length;

/**
 * An address in the one form that is stored and compared: trimmed, NFKC, lower case, and only then checked.
 * A character that would become an @ on the way is refused, because others may read the address otherwise.
 */
export const email = z
  .string()
  .max(emailLengthMax, { abort: true })
  .refine((raw) => countAt(raw) === countAt(raw.normalize('NFKC')), {
    error: 'must have its @ as a plain character',
    abort: true,
  })
  .trim()
  .normalize('NFKC')
  .toLowerCase()
  .max(emailLengthMax)
  .regex(emailPattern, 'must be an e-mail address')
  .openapi({ type: 'string', format: 'email', maxLength: emailLengthMax, example: 'ada@example.com' });

const passwordBytesMax = 1024;

/** Any characters, kept as they are; how long it must be is the tenant's to say (default 8 characters). */
export const password = z
  .string()
  .min(1)
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')
  .refine(
    (text) => Buffer.byteLength(text) <= passwordBytesMax,
    `must have at most ${passwordBytesMax} bytes`,
  )
  .openapi({ format: 'password', maxLength: passwordBytesMax, example: 'correct horse battery staple' });

/** No control characters: a name ends up in headers of mails. */
export const personName = z
  .string()
  .max(100)
  .refine(
    (text) => !/[\p{Cc}\u2028\u2029]/u.test(text) && text.isWellFormed(),
    'must have no line breaks or control characters',
  )
  .trim()
  .min(1)
  .openapi({ example: 'Ada Lovelace' });

const tokenLengthMax = 4096;
/** Of any form: whether a token is good is said in one way, whatever is wrong with it. */
export const opaqueToken = z.string().min(1).max(tokenLengthMax);

export const userSchema = z
  .object({
    id: z.uuid(),
    email: z.string(),
    emailVerified: z.boolean(),
    name: z.string().nullable(),
    createdAt: z.iso.datetime(),
  })
  .openapi('User', {
    example: {
      id: '0199e7a2-8c1b-7d3e-9a54-3f0c6c1f2b77',
      email: 'ada@example.com',
      emailVerified: false,
      name: 'Ada Lovelace',
      createdAt: '2026-11-22T10:15:00.000Z',
    },
  });

const pairFields = {
  accessToken: z
    .string()
    .openapi({ description: 'A JWT (RFC 9068), signed by a key of the tenant', example: 'eyJ…' }),
  refreshToken: z.string().openapi({ description: 'Good for one refresh', example: 'rt_acme_…' }),
  tokenType: z.literal('Bearer'),
  expiresIn: z.int().openapi({ description: 'Seconds that the access token lives', example: 900 }),
};

export const tokenPairSchema = z.object(pairFields).openapi('TokenPair');
export const loginSchema = z
  .object({
    user: userSchema,
    ...pairFields,
    deviceToken: z.string().openapi({
      description:
        'To be kept on the device and sent with its next login; good for 180 days, or until the password changes',
      example: 'dt_…',
    }),
    passwordCompromised: z.literal(true).optional().openapi({
      description: 'Set when the password is known to attackers: ask for a new one (`POST /password/change`)',
    }),
  })
  .openapi('Login');

/** The header that names the tenant where no credential does. */
export const tenantHeader = z.object({
  'x-tenant': z
    .string()
    .optional()
    .openapi({ description: "Required: the tenant's slug", example: 'acme', param: { required: true } }),
});

/** The same on routes where the credential names the tenant. */
export const tenantHint = z.object({
  'x-tenant': z.string().optional().openapi({
    description: 'Not needed: the token names its tenant, and may not be contradicted',
    example: 'acme',
  }),
});

/** What a program sends of a link that was mailed. */
export const tokenRequest = {
  headers: tenantHint,
  body: {
    required: true,
    content: { 'application/json': { schema: z.strictObject({ token: opaqueToken }) } },
  },
};
