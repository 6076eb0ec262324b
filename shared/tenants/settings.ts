// What an operator may set for a tenant, validated; and which of it is secret and therefore sealed.
import { z } from 'zod';
import { alerts } from './alert-settings.ts';
import { bonus, coinCode, coins, exchangeRates, transfers } from './coin-settings.ts';
import { items } from './item-settings.ts';
import { currency, payouts } from './payout-settings.ts';
import { plainLine } from './plain-line.ts';
import { ipRules, oauth, rateLimits, stepUp, velocity } from './protection-settings.ts';
import type { Keyring } from './secrets.ts';

const pack = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be lower-case letters, digits, - or _'),
  name: plainLine(80),
  coins: z.int().min(1).max(1_000_000_000),
  price: z.int().min(1).max(1_000_000_000).describe('In the minor unit of the currency, such as cents'),
  currency: currency.default('usd'),
  coin: coinCode.optional().describe("What is bought; left out: the tenant's first coin"),
  expiresAfterDays: z
    .int()
    .min(1)
    .max(3650)
    .optional()
    .describe('The coins run out this long after the money came; left out: never'),
  priority: z.int().min(0).max(100).optional().describe('Coins of a lower one are spent first; left out: 50'),
});
export type Pack = z.infer<typeof pack>;

const uniquePacks = (packs: Pack[]) => new Set(packs.map((each) => each.id)).size === packs.length;

/** Every public setting with its default. Unknown fields are refused. */
export const tenantSettings = z.strictObject({
  packs: z.array(pack).max(200).refine(uniquePacks, 'pack ids must be unique').default([]),
  items,
  coinPrice: z
    .strictObject({
      price: z.int().min(1).max(1_000_000),
      coins: z.int().min(1).max(1_000_000).default(1),
      currency: currency.default('usd'),
    })
    .default({ price: 1, coins: 1, currency: 'usd' })
    .describe('What coins without a pack cost: `price` minor units for `coins` coins, rounded up'),
  coins,
  exchangeRates,
  bonus,
  transfers,
  payouts,
  requireVerifiedEmail: z.boolean().default(false),
  passwordLengthMin: z.int().min(8).max(64).default(8),
  refunds: z
    .strictObject({
      byUsers: z.boolean().default(true).describe('Whether users may ask for refunds themselves'),
      spentCoins: z
        .enum(['refuse', 'debt'])
        .default('refuse')
        .describe('Whether a purchase whose coins are spent may be refunded, leaving a debt'),
    })
    .default({ byUsers: true, spentCoins: 'refuse' }),
  reversals: z
    .strictObject({
      shortfall: z
        .enum(['debt', 'clamp', 'freeze'])
        .default('debt')
        .describe(
          'Coins that a bank took back and that are spent: owed and repaid by later credits, written off, or owed with the wallet frozen until repaid',
        ),
      freezeOnDispute: z.boolean().default(true).describe('No spending while a dispute is open'),
      freezeOnWarning: z.boolean().default(true).describe('No spending while the provider suspects fraud'),
    })
    .default({ shortfall: 'debt', freezeOnDispute: true, freezeOnWarning: true })
    .describe('What happens when money is taken back from outside'),
  limits: rateLimits.describe('How often; what is more is answered 429'),
  ipRules: ipRules.describe('From where'),
  velocity: velocity.describe('How much of a wallet, and of a new one'),
  stepUp: stepUp.describe('What needs a second factor'),
  oauth: oauth.describe('Logins by Google and Facebook; their credentials are `oauthClients`'),
  alerts: alerts.describe('What is told by webhooks and mail when it happens'),
  checkoutMinutes: z.int().min(5).max(1440).default(30),
  mail: z
    .strictObject({
      fromName: plainLine(80).optional(),
      replyTo: z.email().optional(),
      enabled: z.boolean().default(true),
    })
    .default({ enabled: true }),
});
export type TenantSettings = z.infer<typeof tenantSettings>;

/**
 * Stored settings with defaults for those that are newer than the row. A setting that this code does not
 * know is left aside: the next version may have written it already.
 * @throws ZodError when a known setting is damaged.
 */
export function readSettings(stored: Record<string, unknown>): TenantSettings {
  const known = structuredClone(stored);
  for (const issue of tenantSettings.safeParse(known).error?.issues ?? []) {
    if (issue.code !== 'unrecognized_keys') continue;
    const holder = issue.path.reduce<unknown>(
      (value, key) => (value as Record<PropertyKey, unknown>)[key],
      known,
    );
    for (const key of issue.keys) delete (holder as Record<string, unknown>)[key];
  }
  return tenantSettings.parse(known);
}

const secretText = z.string().trim().min(1).max(4096);

/** Provider credentials: written, never read back; stored sealed. Null removes one. */
export const providerCredentials = z.strictObject({
  stripe: z
    .strictObject({
      secretKey: secretText,
      webhookSecret: secretText,
      webhookSecretPrevious: secretText
        .optional()
        .describe('The secret before, while Stripe still signs with it'),
    })
    .nullable()
    .optional(),
  paypal: z
    .strictObject({ clientId: secretText, clientSecret: secretText, webhookId: secretText })
    .nullable()
    .optional(),
});
export type ProviderCredentials = z.infer<typeof providerCredentials>;

const oauthClient = z.strictObject({ clientId: secretText, clientSecret: secretText });
export type OauthClient = z.infer<typeof oauthClient>;
export const oauthProviders = ['google', 'facebook'] as const;
export type OauthProvider = (typeof oauthProviders)[number];

/** The tenant's own registration at each provider: written, never read back. Null removes one. */
export const oauthClients = z.strictObject({
  google: oauthClient.nullable().optional(),
  facebook: oauthClient.nullable().optional(),
});
export type OauthClients = z.infer<typeof oauthClients>;

type SettingsShape = typeof tenantSettings.shape;
type OptionalSettings = { [N in keyof SettingsShape]: z.ZodOptional<ReturnType<SettingsShape[N]['unwrap']>> };
// Not `.partial()`: zod would fill in the defaults, and a change of one setting would reset all others.
const optionalSettings = Object.fromEntries(
  Object.entries(tenantSettings.shape).map(([name, schema]) => [name, schema.unwrap().optional()]),
) as unknown as OptionalSettings;

/** The body of `PATCH /operator/tenants/{slug}` below `settings`: any part, plus `providers`. */
export const settingsInput = z.strictObject({
  ...optionalSettings,
  providers: providerCredentials.optional(),
  oauthClients: oauthClients.optional(),
});
export type SettingsInput = z.input<typeof settingsInput>;

export type SealedSettings = Record<string, string>;

/** Ties a sealed value to its place. */
export const sealContext = (tenant: string, name: string) => `tenant/${tenant}/provider/${name}`;

/** How the credentials of an OAuth client are named among what is sealed; a payment provider has its plain name. */
export const oauthSealName = (provider: OauthProvider) => `oauth:${provider}`;

/** Merges new credentials into what is sealed already. */
export function sealCredentials(
  keyring: Keyring,
  tenant: string,
  sealed: SealedSettings,
  given: { providers?: ProviderCredentials; oauthClients?: OauthClients },
): SealedSettings {
  const next = { ...sealed };
  const named = [
    ...Object.entries(given.providers ?? {}),
    ...Object.entries(given.oauthClients ?? {}).map(
      ([name, value]) => [oauthSealName(name as OauthProvider), value] as const,
    ),
  ];
  for (const [name, value] of named) {
    if (value === null) delete next[name];
    else if (value !== undefined) next[name] = keyring.seal(JSON.stringify(value), sealContext(tenant, name));
  }
  return next;
}
