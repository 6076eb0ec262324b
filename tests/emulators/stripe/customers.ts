// Customers of a merchant, and the methods that a checkout leaves with them.
import type Stripe from 'stripe';
import { newCustomer, newMethod } from './payment-objects.ts';
import type { OffSessionKind, StripeAccount, StripeWorld } from './stripe-world.ts';

/** Puts the payer's method on the session's customer, who is made for it where none was named. */
export function keepMethod(
  world: StripeWorld,
  account: StripeAccount,
  { session, intent }: { session: Stripe.Checkout.Session; intent: Stripe.PaymentIntent },
  { later = 'ok' }: { later?: OffSessionKind },
): void {
  const customer = customerOf(world, account, session);
  session.customer = customer;
  intent.customer = customer;
  const method = newMethod(world, account, String(intent.payment_method), customer);
  account.methods.set(method.id, method);
  account.offSession.set(method.id, later);
  world.emit(account, 'payment_method.attached', method);
}

function customerOf(world: StripeWorld, account: StripeAccount, session: Stripe.Checkout.Session): string {
  if (typeof session.customer === 'string') return session.customer;
  const customer = newCustomer(world, account);
  account.customers.set(customer.id, customer);
  world.emit(account, 'customer.created', customer);
  return customer.id;
}
