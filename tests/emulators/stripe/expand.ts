// `expand[]`: puts objects in the place of their ids, in a copy, as deep as Stripe goes.
import { invalidRequest } from './stripe-failure.ts';
import { findObject, type StripeAccount } from './stripe-world.ts';

const depthMax = 4;

/** Fields that are not there at all until they are asked for. */
const included: Record<string, (account: StripeAccount, id: string) => unknown> = {
  'checkout.session.line_items': (account, id) => ({
    object: 'list',
    data: account.lineItems.get(id) ?? [],
    has_more: false,
    url: `/v1/checkout/sessions/${id}/line_items`,
  }),
  'charge.refunds': (account, id) => ({
    object: 'list',
    data: [...account.refunds.values()].filter((refund) => refund.charge === id).reverse(),
    has_more: false,
    url: `/v1/charges/${id}/refunds`,
  }),
};

/** A copy of `answer` with the paths expanded; refuses a path that Stripe would not know. */
export function expandPaths(account: StripeAccount, answer: object, paths: string[]): object {
  const copy = structuredClone(answer);
  for (const path of paths) {
    const steps = path.split('.');
    if (steps.length > depthMax) {
      throw invalidRequest(`You cannot expand more than ${depthMax} levels of a property (${path})`);
    }
    expandStep(account, copy, steps, path);
  }
  return copy;
}

function expandStep(account: StripeAccount, at: object, steps: string[], path: string): void {
  const [step, ...rest] = steps;
  if (step === undefined) return;
  const include = included[`${Reflect.get(at, 'object')}.${step}`];
  if (include !== undefined) Reflect.set(at, step, structuredClone(include(account, Reflect.get(at, 'id'))));
  const value: unknown = Reflect.get(at, step);
  if (typeof value === 'string') {
    const found = findObject(account, value);
    if (found === undefined) throw cannotExpand(path);
    Reflect.set(at, step, structuredClone(found));
  } else if (value === undefined) {
    throw cannotExpand(path);
  }
  const next: unknown = Reflect.get(at, step);
  for (const one of Array.isArray(next) ? next : [next]) {
    if (typeof one === 'object' && one !== null) expandStep(account, one, rest, path);
  }
}

function cannotExpand(path: string) {
  return invalidRequest(`This property cannot be expanded (${path}).`, { param: 'expand' });
}
