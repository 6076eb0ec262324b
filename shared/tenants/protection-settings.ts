// What a tenant may set against abuse: rates, addresses, velocity of coins, proofs before large spends.
import { z } from 'zod';
import { cidr } from '../config/cidr.ts';
import { amountMax } from '../contracts/operation.ts';
import { velocityKinds } from '../ledger/velocity.ts';

const day = 86_400;

const rate = z.strictObject({
  count: z.int().min(1).max(1_000_000),
  seconds: z.int().min(1).max(day).describe('Length of the window'),
});
export type Rate = z.infer<typeof rate>;

/** Counted before any password is hashed. An address is a /64 network where it is IPv6. */
export const rateLimits = z
  .strictObject({
    loginPerAddress: rate.default({ count: 100, seconds: 600 }).describe('Failed logins of one address'),
    loginPerAccountAndAddress: rate
      .default({ count: 10, seconds: 900 })
      .describe('Failed logins at one account from one address, or from one known device'),
    loginPerAccount: rate
      .default({ count: 100, seconds: day })
      .describe('Failed logins in a row at one account from strange devices'),
    registerPerAddress: rate.default({ count: 1000, seconds: 3600 }),
    mailPerAccount: rate
      .default({ count: 5, seconds: 3600 })
      .describe('Mails that strangers can cause to one address; more are left out in silence'),
    mailPerAddress: rate.default({ count: 300, seconds: 3600 }),
    tokenPerAddress: rate
      .default({ count: 600, seconds: 600 })
      .describe('Refreshes, and tries at links, codes and states'),
    requestsPerCaller: rate
      .nullable()
      .default(null)
      .describe('Of one user or one secret key at one process; null: no limit'),
    requestsPerTenant: rate
      .nullable()
      .default(null)
      .describe('Of all callers at one process; null: no limit'),
  })
  .prefault({});

export const ipRules = z
  .strictObject({
    allow: z.array(cidr).max(500).default([]).describe('Where it is not empty, nobody else is served'),
    deny: z.array(cidr).max(500).default([]).describe('Never served, also when allowed'),
    platform: z
      .array(cidr)
      .max(500)
      .default([])
      .describe('Where it is not empty, secret keys work from there only'),
  })
  .prefault({});

const action = z
  .enum(['refuse', 'review'])
  .default('refuse')
  .describe('`review` holds the operation until an operator decides');

const velocityRule = z
  .strictObject({
    kind: z.enum(velocityKinds),
    seconds: z
      .int()
      .min(60)
      .max(30 * day),
    amount: z.int().min(1).max(amountMax).optional().describe('Coins within the window, at most'),
    count: z.int().min(1).max(1_000_000).optional().describe('Operations within the window, at most'),
    action,
  })
  .refine((rule) => rule.amount !== undefined || rule.count !== undefined, 'needs amount or count');

export const velocity = z
  .strictObject({
    rules: z.array(velocityRule).max(20).default([]),
    newAccount: z
      .strictObject({
        seconds: z
          .int()
          .min(60)
          .max(365 * day)
          .describe('Accounts younger than this are new'),
        kinds: z.array(z.enum(velocityKinds)).min(1),
        above: z.int().min(0).max(amountMax).default(0).describe('Only operations of more coins than this'),
        action,
      })
      .nullable()
      .default(null),
    balanceMax: z
      .int()
      .min(1)
      .max(amountMax)
      .nullable()
      .default(null)
      .describe('Coins that a wallet may hold'),
  })
  .prefault({});

export const stepUp = z
  .strictObject({
    spendAbove: z
      .int()
      .min(0)
      .max(amountMax)
      .nullable()
      .default(null)
      .describe(
        'Users prove a second factor before they spend, send or hold more coins than this at once; null: never',
      ),
    minutes: z.int().min(1).max(1440).default(10).describe('How long such a proof counts'),
  })
  .prefault({});

const isRedirect = (text: string) => {
  if (/[\s\p{Cc}#]/u.test(text) || !URL.canParse(text)) return false;
  const { protocol, username, password, hostname } = new URL(text);
  const loopback = hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]';
  return (protocol === 'https:' || (protocol === 'http:' && loopback)) && username === '' && password === '';
};

export const oauth = z
  .strictObject({
    redirects: z
      .array(z.string().max(2000).refine(isRedirect, 'must be an https address without a fragment'))
      .max(50)
      .default([])
      .describe('Where a login may lead back to; compared byte by byte'),
  })
  .prefault({});
