// What a provider itself has in its books of one merchant, read beside our adapters: tests count money by this.
import type { Mall, Stall } from './mall.ts';
import type { ProviderName } from './mall-bank.ts';

/** Amounts in minor units, in no order. */
export interface ProviderBooks {
  /** Checkouts that a payer could still pay. */
  payable: string[];
  /** Money that came in, one entry for each payment. */
  paid: number[];
  /** Money that went back or is on its way back. */
  returned: number[];
}

/** Everything of this stall's account; each stall has accounts of its own. */
export function readBooks(mall: Mall, stall: Stall, provider: ProviderName): Promise<ProviderBooks> {
  return provider === 'stripe' ? readStripe(mall, stall) : readPaypal(mall, stall);
}

interface StripeList {
  data: { id: string; status: string; amount: number; amount_received: number }[];
}

async function readStripe({ stripe }: Mall, { accounts }: Stall): Promise<ProviderBooks> {
  const headers = {
    authorization: `Bearer ${accounts.stripe.secretKey}`,
    'stripe-version': '2026-10-28.endive',
  };
  const list = async (path: string) =>
    (await readJson<StripeList>(`${stripe.url}/v1/${path}limit=100`, { headers })).data;
  const sessions = await list('checkout/sessions?status=open&');
  const intents = await list('payment_intents?');
  const refunds = await list('refunds?');
  return {
    payable: sessions.map(({ id }) => id),
    paid: intents.filter(({ status }) => status === 'succeeded').map(({ amount_received: amount }) => amount),
    returned: refunds.filter(({ status }) => status !== 'failed').map(({ amount }) => amount),
  };
}

interface PaypalTransactions {
  transaction_details: {
    transaction_info: { transaction_event_code: string; transaction_amount: { value: string } };
  }[];
}

async function readPaypal(mall: Mall, stall: Stall): Promise<ProviderBooks> {
  const { paypal } = mall;
  const authorization = `Bearer ${await paypalToken(mall, stall)}`;
  const range = new URLSearchParams({
    start_date: new Date(Date.now() - 3_600_000).toISOString(),
    end_date: new Date(Date.now() + 3_600_000).toISOString(),
    page_size: '500',
  });
  const { transaction_details: lines } = await readJson<PaypalTransactions>(
    `${paypal.url}/v1/reporting/transactions?${range}`,
    { headers: { authorization } },
  );
  const amountsOf = (code: string) =>
    lines
      .filter(({ transaction_info: info }) => info.transaction_event_code === code)
      .map(({ transaction_info: info }) => Math.abs(Math.round(Number(info.transaction_amount.value) * 100)));
  return {
    payable: paypal.payer.waiting(stall.accounts.paypal.clientId),
    paid: amountsOf('T0006'),
    returned: amountsOf('T1107'),
  };
}

/** A login of the test's own. */
export async function paypalToken({ paypal }: Mall, { accounts }: Stall): Promise<string> {
  const { clientId, clientSecret } = accounts.paypal;
  const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
  const answer = await readJson<{ access_token: string }>(`${paypal.url}/v1/oauth2/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials',
  });
  return answer.access_token;
}

async function readJson<T>(url: string, init: RequestInit): Promise<T> {
  const answer = await fetch(url, init);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}
