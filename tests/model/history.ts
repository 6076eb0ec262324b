// Generates histories: what users and platforms send to a few wallets, some of it at once, some of it twice.
import fc from 'fast-check';

/** Wallets of a history: three users with gold, the first of them also with gems. */
export const walletCount = 4;
export const gems = 3;

const kinds = [
  ...[
    'grant',
    'grant',
    'grant',
    'spend',
    'spend',
    'item',
    'item',
    'consume',
    'refund',
    'refund',
    'hold',
    'hold',
  ],
  ...['capture', 'capture', 'release', 'transfer', 'transfer', 'exchange', 'purchase', 'clawback'],
] as const;

export interface Plan {
  kind: (typeof kinds)[number];
  wallet: number;
  amount: number;
  /** The amount is left open, where the kind allows that. */
  open: boolean;
  /** Which of the earlier operations it refers to, counted backwards. */
  back: number;
  paid: boolean;
  priority: number;
  /** Milliseconds from now until it runs out; null: never. */
  expiresIn: number | null;
  shortfall: 'debt' | 'clamp' | 'freeze';
  legs: { wallet: number; share: number }[];
  feeBps: number;
  bonus: boolean;
  item: {
    limited: boolean;
    perUser: boolean;
    consumable: boolean;
    price: number;
    quantity: number;
    wrongPrice: boolean;
  };
  rate: { give: number; get: number; minimum: number };
  /** How often it is sent. */
  copies: number;
}

/** Sent at once; a group is one atomic batch. `waits`: what follows is sent once all of this has its outcome. */
export interface Round {
  plans: Plan[];
  atomic: boolean;
  waits: boolean;
}

const expiresIn = fc.oneof(
  { weight: 6, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constant(-1000) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 120 }) },
  { weight: 2, arbitrary: fc.constant(86_400_000) },
);

const plan = fc.record<Plan>({
  kind: fc.constantFrom(...kinds),
  wallet: fc.nat(walletCount - 1),
  amount: fc.integer({ min: 1, max: 40 }),
  open: fc.boolean(),
  back: fc.nat(11),
  paid: fc.boolean(),
  priority: fc.constantFrom(50, 50, 50, 0, 10, 100),
  expiresIn,
  shortfall: fc.constantFrom('debt', 'debt', 'clamp', 'freeze'),
  // One more than there are: a wallet that does not exist.
  legs: fc.array(fc.record({ wallet: fc.nat(walletCount), share: fc.integer({ min: 1, max: 9 }) }), {
    minLength: 1,
    maxLength: 3,
  }),
  feeBps: fc.constantFrom(0, 0, 250, 3000, 10_000),
  bonus: fc.boolean(),
  item: fc.record({
    limited: fc.boolean(),
    perUser: fc.boolean(),
    consumable: fc.boolean(),
    price: fc.integer({ min: 1, max: 9 }),
    quantity: fc.integer({ min: 1, max: 3 }),
    wrongPrice: fc.constantFrom(false, false, false, true),
  }),
  rate: fc.record({
    give: fc.integer({ min: 1, max: 7 }),
    get: fc.integer({ min: 1, max: 7 }),
    minimum: fc.integer({ min: 0, max: 12 }),
  }),
  copies: fc.constantFrom(1, 1, 1, 2, 3),
});

const round = fc.record<Round>({
  plans: fc.array(plan, { minLength: 1, maxLength: 8 }),
  atomic: fc.constantFrom(false, false, false, true),
  waits: fc.constantFrom(false, false, true),
});

const operationsPerHistory = 50;

/** Rounds with exactly as many operations; what shrinking leaves may be fewer. */
export const history: fc.Arbitrary<Round[]> = fc
  .array(round, { minLength: operationsPerHistory, maxLength: operationsPerHistory, size: 'max' })
  .map((rounds) => {
    let left = operationsPerHistory;
    return rounds.flatMap((each) => {
      const plans = each.plans.slice(0, left);
      left -= plans.length;
      return plans.length === 0 ? [] : [{ ...each, plans }];
    });
  });
