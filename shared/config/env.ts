// The only reader of process.env: every setting is parsed once, and all faults are reported together.
import { z } from 'zod';
import { cidr } from './cidr.ts';
import { parseMailbox } from './mailbox.ts';

const url = (protocols: string[]) =>
  z.string().refine(
    (value) => {
      try {
        return protocols.includes(new URL(value).protocol);
      } catch {
        return false;
      }
    },
    `must be a URL starting with ${protocols.map((p) => `${p}//`).join(' or ')}`,
  );

/** As its host, or as the folder of a socket, which libpq takes as a parameter. */
const namesServer = (value: string): boolean => {
  if (!URL.canParse(value)) return true;
  const { hostname, searchParams } = new URL(value);
  return hostname !== '' || searchParams.has('host');
};

const list = (item: z.ZodType<string, string>) =>
  z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean),
    )
    .pipe(z.array(item));

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));

const settings = z.object({
  // A misspelt "production" would give coins away at the sandbox provider.
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development'),
  PORT: integer(0, 65535).default(3000),
  HOST: z
    .string()
    .regex(/^[\w.:%-]+$/, 'must be an address or a host name')
    .default('127.0.0.1'),
  PUBLIC_URL: url(['http:', 'https:']).optional(),
  SANDBOX_URL: url(['http:', 'https:']).optional(),
  DATABASE_URL: url(['postgres:', 'postgresql:']).refine(namesServer, 'must name a host').optional(),
  DATABASE_POOL: integer(2, 200).default(10),
  DATA_DIR: z.string().min(1).default('.data'),
  REDIS_URL: list(url(['redis:', 'rediss:'])).optional(),
  QUEUE_SHARDS: integer(1, 256).default(1),
  OPERATOR_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,}$/, 'must have at least 16 visible ASCII characters')
    .optional(),
  SECRET_KEY: z.string().min(32, 'must have at least 32 characters').optional(),
  SECRET_KEY_PREVIOUS: list(z.string().min(32, 'each must have at least 32 characters')).default([]),
  SMTP_URL: url(['smtp:', 'smtps:']).optional(),
  MAIL_FROM: z
    .string()
    .refine(
      (value) => parseMailbox(value) !== undefined,
      'must be one address, such as "Coins <no-reply@example.com>"',
    )
    .optional(),
  TRUSTED_PROXIES: list(cidr).default([]),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  BCRYPT_COST: integer(4, 14).default(11),
  SWEEP_INTERVAL_MS: integer(100, 60_000).default(1000),
  SWEEP_AGE_MS: integer(100, 600_000).default(2000),
  METRICS_PORT: integer(0, 65535).optional(),
  STRIPE_API_URL: url(['http:', 'https:']).optional(),
  PAYPAL_API_URL: url(['http:', 'https:']).optional(),
  PAYPAL_DRIVER: z.enum(['sdk', 'fetch']).default('sdk'),
  GOOGLE_ISSUER_URL: url(['http:', 'https:']).default('https://accounts.google.com'),
  FACEBOOK_GRAPH_URL: url(['http:', 'https:']).default('https://graph.facebook.com'),
  FACEBOOK_DIALOG_URL: url(['http:', 'https:']).default('https://www.facebook.com'),
  RECONCILE_CRON: z
    .string()
    .regex(/^[\d*,/A-Za-z#?-]+( [\d*,/A-Za-z#?-]+){4}$/, 'must be five fields of a cron expression')
    .default('17 * * * *'),
  PROVIDER_CALL_MS: integer(100, 60_000).default(10_000),
  WEBHOOK_CALL_MS: integer(100, 60_000).default(15_000),
  WEBHOOK_ALLOW_LOOPBACK: z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true'),
});

type Settings = z.infer<typeof settings>;

export interface Config extends Omit<Settings, 'PUBLIC_URL' | 'SANDBOX_URL' | 'REDIS_URL'> {
  production: boolean;
  /** Where the providers listen: the operator's word, never a tenant's. No slash at the end. */
  stripeApiUrl: string;
  paypalApiUrl: string;
  publicUrl: string;
  /** Where our own processes reach the API: the sandbox provider's and its webhooks' base. */
  sandboxUrl: string;
  redisUrls: string[];
}

/** A setting is missing or malformed. The message names every fault, one a line. */
export class ConfigError extends Error {
  readonly faults: string[];
  constructor(faults: string[]) {
    super(
      `The settings are not usable:\n${faults.map((f) => `  - ${f}`).join('\n')}\nSee docs/settings.md for each of them.`,
    );
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

const stripeApi = 'https://api.stripe.com';
const paypalLive = 'https://api-m.paypal.com';
const paypalSandbox = 'https://api-m.sandbox.paypal.com';
const withoutSlash = (address: string) => address.replace(/\/+$/, '');

const requiredInProduction = ['SECRET_KEY', 'SMTP_URL', 'MAIL_FROM'] as const;

/**
 * Parses settings from the environment. An empty variable counts as unset.
 * @throws ConfigError naming all faults at once.
 */
export function loadConfig(source: Record<string, string | undefined> = process.env): Config {
  const given = Object.fromEntries(
    Object.entries(source).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = settings.safeParse(given);
  const faults = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path[0]?.toString() ?? ''}: ${issue.message}`);
  const production = given.NODE_ENV === 'production';
  if (production) {
    for (const name of requiredInProduction) {
      if (given[name] === undefined) faults.push(`${name}: is required when NODE_ENV=production`);
    }
  }
  if (production && given.WEBHOOK_ALLOW_LOOPBACK === 'true') {
    faults.push('WEBHOOK_ALLOW_LOOPBACK: must not be set when NODE_ENV=production');
  }
  // The PayPal package would print live bearer tokens to the console.
  if (given.PAYPAL_DEBUG !== undefined) faults.push('PAYPAL_DEBUG: must not be set; it prints credentials');
  if (!parsed.success || faults.length > 0) throw new ConfigError([...new Set(faults)]);
  const { PUBLIC_URL, SANDBOX_URL, REDIS_URL, ...rest } = parsed.data;
  const host = rest.HOST.includes(':') ? `[${rest.HOST}]` : rest.HOST;
  const publicUrl = withoutSlash(PUBLIC_URL ?? `http://${host}:${rest.PORT}`);
  return {
    ...rest,
    production,
    publicUrl,
    sandboxUrl: withoutSlash(SANDBOX_URL ?? publicUrl),
    stripeApiUrl: withoutSlash(rest.STRIPE_API_URL ?? stripeApi),
    paypalApiUrl: withoutSlash(rest.PAYPAL_API_URL ?? (production ? paypalLive : paypalSandbox)),
    redisUrls: REDIS_URL ?? [],
  };
}
