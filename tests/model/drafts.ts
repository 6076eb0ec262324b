// Makes of a plan what is journaled, as the API would.
import { randomUUID } from 'node:crypto';
import type { OperationDraft } from '#api/journal-row.ts';
import { splitOf, type Terms } from '#shared/ledger/terms.ts';
import { gems, type Plan } from './history.ts';

export interface Owner {
  userId: string;
  walletId: string;
}

/** Whose wallets a history moves, and one that does not exist. */
export interface Party {
  owners: Owner[];
  stranger: Owner;
  /** Each wallet buys from a stock of its own, and not all from one. */
  ownStocks?: boolean;
}

export interface Earlier {
  id: string;
  kind: string;
  owner: Owner;
}

/** `now` in milliseconds since 1970. Undefined: there is nothing yet that it could refer to. */
export function draftOf(
  plan: Plan,
  { owners, stranger, ownStocks = false }: Party,
  earlier: Earlier[],
  now = Date.now(),
): OperationDraft | undefined {
  const own = owners[plan.wallet] as Owner;
  const base = { ...own, amount: plan.amount, idempotencyKey: randomUUID(), body: plan };
  const refer = (kindsOf: string[]) => {
    const fitting = earlier.filter((each) => kindsOf.includes(each.kind));
    // Now and then any other operation, which must be refused; of a purchase it would be a matter of its provider.
    const others = earlier.filter((each) => each.kind !== 'purchase');
    const among = plan.back === 11 || fitting.length === 0 ? others : fitting;
    return among.at(-1 - (plan.back % Math.max(among.length, 1)));
  };
  const later = (
    kind: OperationDraft['kind'],
    kindsOf: string[],
    terms?: Terms,
  ): OperationDraft | undefined => {
    const target = refer(kindsOf);
    if (!target) return undefined;
    // Mostly by its owner; by a stranger now and then.
    const owner = plan.back === 10 ? own : target.owner;
    const amount = plan.open ? null : plan.amount;
    return { ...base, ...owner, kind, amount, originalId: target.id, ...(terms ? { terms } : {}) };
  };
  switch (plan.kind) {
    case 'grant':
      return { ...base, kind: 'grant', bucket: plan.paid ? 'paid' : 'bonus', terms: lotTerms(plan, now) };
    case 'purchase': {
      const quote = { provider: 'sandbox', pack: null, price: plan.amount, currency: 'usd', returnUrl: null };
      return { ...base, kind: 'purchase', quote };
    }
    case 'spend':
      return { ...base, kind: 'spend' };
    case 'item': {
      const item = itemOf(plan, ownStocks ? own : owners[0]);
      return { ...base, kind: 'spend', amount: item.price * item.quantity, terms: { item } };
    }
    case 'hold':
      return {
        ...base,
        kind: 'hold',
        terms: { expiresAt: now + Math.max(1, plan.expiresIn ?? 3_600_000) },
      };
    case 'capture':
      return later('capture', ['hold']);
    case 'release':
      return withoutAmount(later('release', ['hold']));
    case 'refund':
      return later('refund', ['spend', 'item', 'capture']);
    case 'consume':
      return withoutAmount(later('consume', ['item'], { units: plan.item.quantity }));
    case 'clawback':
      // Not of the API: our own operations are journaled by the caller of this.
      return undefined;
    case 'transfer':
      // Within one coin.
      return {
        ...base,
        ...owners[plan.wallet % gems],
        kind: 'transfer',
        terms: transferTerms(plan, owners, stranger),
      };
    case 'exchange': {
      const { give, get, minimum } = plan.rate;
      const [from, to] = plan.wallet === gems ? [owners[gems], owners[0]] : [owners[0], owners[gems]];
      const walletId = to?.walletId ?? '';
      return { ...base, ...from, kind: 'exchange', terms: { exchange: { walletId, give, get, minimum } } };
    }
  }
}

const withoutAmount = (draft: OperationDraft | undefined) => draft && { ...draft, amount: null };

function lotTerms({ expiresIn, priority }: Plan, now: number): Terms {
  return {
    ...(expiresIn === null ? {} : { expiresAt: now + expiresIn }),
    ...(priority === 50 ? {} : { priority }),
  };
}

function itemOf({ item, wallet }: Plan, owner: Owner | undefined): NonNullable<Terms['item']> {
  const kind = item.consumable ? 'consumable' : 'durable';
  return {
    // None that histories share; an item has one coin.
    id: [kind, item.price, item.limited, wallet === gems ? 'gem' : 'gold', owner?.walletId].join('-'),
    kind,
    price: item.price,
    quantity: item.quantity,
    ...(item.wrongPrice ? { expectedPrice: item.price + 1 } : {}),
    ...(item.limited ? { stock: 3 } : {}),
    ...(item.perUser ? { perUser: 2 } : {}),
  };
}

function transferTerms({ legs, amount, feeBps, bonus }: Plan, owners: Owner[], stranger: Owner): Terms {
  // Gold goes to gold; the rest of the indices are strangers.
  const receivers = legs.map((leg) => owners.slice(0, gems)[leg.wallet] ?? stranger);
  const unique = receivers.filter((each, at) => receivers.indexOf(each) === at);
  const shares = unique.map((each) => legs[receivers.indexOf(each)]?.share ?? 1);
  const { parts } = splitOf(amount, feeBps, shares);
  return { legs: unique.map((each, at) => ({ ...each, coins: parts[at] ?? 0 })), bonus };
}
