// The addresses of the API and what each does; a call that Stripe has and we do not make is not here.
import type Stripe from 'stripe';
import type { FormValue } from './form.ts';
import { type ListRequest, listPage } from './lists.ts';
import { createRefund, type RefundRequest } from './refunds.ts';
import { expireByCall, openSession, type SessionRequest } from './sessions.ts';
import { chargeMethod, detachMethod, type OffSessionRequest } from './stored-methods.ts';
import { invalidRequest, missing } from './stripe-failure.ts';
import type { StripeAccount, StripeWorld } from './stripe-world.ts';

export interface ApiCall {
  world: StripeWorld;
  account: StripeAccount;
  /** Decoded and, for writes, checked; `expand` is taken out. */
  parameters: Record<string, FormValue>;
  /** Of the address, or empty. */
  id: string;
}

export interface ApiRoute {
  method: 'GET' | 'POST';
  /** With `:id` for one. */
  path: string;
  /** Gives a stored object or a list; throws a StripeFailure. */
  answer(call: ApiCall): object;
}

/** What Stripe calls the id of an address in its error, where that is not `id`. */
const idNames: Record<string, string> = { 'checkout.session': 'session', payment_intent: 'intent' };

interface Collection {
  path: string;
  kind: string;
  store(account: StripeAccount): Map<string, { id: string; created: number }>;
  filters?: string[];
}

const collections: Collection[] = [
  {
    path: '/v1/checkout/sessions',
    kind: 'checkout.session',
    store: ({ sessions }) => sessions,
    filters: ['payment_intent', 'status'],
  },
  {
    path: '/v1/payment_intents',
    kind: 'payment_intent',
    store: ({ intents }) => intents,
    filters: ['customer'],
  },
  { path: '/v1/customers', kind: 'customer', store: ({ customers }) => customers },
  {
    path: '/v1/payment_methods',
    kind: 'PaymentMethod',
    store: ({ methods }) => methods,
    filters: ['customer', 'type'],
  },
  { path: '/v1/charges', kind: 'charge', store: ({ charges }) => charges, filters: ['payment_intent'] },
  {
    path: '/v1/refunds',
    kind: 'refund',
    store: ({ refunds }) => refunds,
    filters: ['payment_intent', 'charge'],
  },
  {
    path: '/v1/disputes',
    kind: 'dispute',
    store: ({ disputes }) => disputes,
    filters: ['payment_intent', 'charge'],
  },
  {
    path: '/v1/radar/early_fraud_warnings',
    kind: 'early_fraud_warning',
    store: ({ warnings }) => warnings,
    filters: ['payment_intent', 'charge'],
  },
  { path: '/v1/reviews', kind: 'review', store: ({ reviews }) => reviews },
  {
    path: '/v1/balance_transactions',
    kind: 'balance_transaction',
    store: ({ balance }) => balance,
    filters: ['source', 'type', 'currency'],
  },
  { path: '/v1/events', kind: 'event', store: ({ events }) => events, filters: ['type', 'types'] },
];

function readRoutes({ path, kind, store, filters = [] }: Collection): ApiRoute[] {
  return [
    {
      method: 'GET',
      path,
      answer: ({ account, parameters }) => {
        const request: ListRequest = { url: path, kind, parameters, filters };
        return listPage(store(account).values(), request);
      },
    },
    {
      method: 'GET',
      path: `${path}/:id`,
      answer: ({ account, id }) => {
        const found = store(account).get(id);
        if (found === undefined) throw missing(kind, id, idNames[kind]);
        return found;
      },
    },
  ];
}

const writes: ApiRoute[] = [
  {
    method: 'POST',
    path: '/v1/checkout/sessions',
    answer: ({ world, account, parameters }) =>
      openSession(world, account, parameters as unknown as SessionRequest),
  },
  {
    method: 'POST',
    path: '/v1/checkout/sessions/:id/expire',
    answer: ({ world, account, id }) => {
      const session = account.sessions.get(id);
      if (session === undefined) throw missing('checkout.session', id, 'session');
      expireByCall(world, account, session);
      return session;
    },
  },
  {
    method: 'POST',
    path: '/v1/payment_intents',
    answer: ({ world, account, parameters }) =>
      chargeMethod(world, account, parameters as unknown as OffSessionRequest),
  },
  {
    method: 'POST',
    path: '/v1/payment_methods/:id/detach',
    answer: ({ world, account, id }) => detachMethod(world, account, id),
  },
  {
    method: 'POST',
    path: '/v1/payment_intents/:id/cancel',
    answer: ({ account, id }) => {
      if (!account.intents.has(id)) throw missing('payment_intent', id, 'intent');
      // All our intents are Checkout's, and those end with their session.
      throw invalidRequest(
        'You cannot cancel this PaymentIntent because it was created by Checkout. ' +
          'Expire the Checkout Session instead.',
        { code: 'payment_intent_unexpected_state' },
      );
    },
  },
  {
    method: 'POST',
    path: '/v1/refunds',
    answer: ({ world, account, parameters }) =>
      createRefund(world, account, parameters as unknown as RefundRequest),
  },
];

function describeAccount(account: StripeAccount): Partial<Stripe.Account> {
  return {
    id: account.id,
    object: 'account',
    charges_enabled: true,
    country: 'DE',
    default_currency: account.settlement?.currency ?? 'eur',
    details_submitted: true,
    email: null,
    payouts_enabled: true,
    type: 'standard',
  };
}

const apiRoutes: ApiRoute[] = [
  ...writes,
  ...collections.flatMap(readRoutes),
  { method: 'GET', path: '/v1/account', answer: ({ account }) => describeAccount(account) },
];

/** The route of an address, with the id in it; undefined for one we do not have. */
export function findRoute(method: string, path: string): { route: ApiRoute; id: string } | undefined {
  for (const route of apiRoutes) {
    if (route.method !== method) continue;
    const [before = '', after] = route.path.split(':id');
    if (after === undefined) {
      if (path === before) return { route, id: '' };
      continue;
    }
    if (!path.startsWith(before) || !path.endsWith(after)) continue;
    const id = path.slice(before.length, path.length - after.length);
    if (id !== '' && !id.includes('/')) return { route, id: decoded(id) };
  }
  return undefined;
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}
