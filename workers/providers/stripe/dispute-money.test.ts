// What a dispute holds, from its movements alone: in the currency of the sale and in any other.
import { describe, expect, test } from 'vitest';
import { withdrawnBy } from './dispute-money.ts';
import { disputeBody } from './objects.ts';

interface Movement {
  amount: number;
  currency?: string;
  rate?: number;
  type?: string;
}

function withdrawn(amount: number, movements: Movement[], status = 'lost'): number {
  return withdrawnBy(
    disputeBody.parse({
      id: 'du_1',
      object: 'dispute',
      amount,
      currency: 'eur',
      status,
      balance_transactions: movements.map(
        ({ currency = 'eur', rate = null, type = 'adjustment', ...rest }) => ({
          ...rest,
          currency,
          exchange_rate: rate,
          type,
          fee: 1500,
        }),
      ),
    }),
  );
}
const usd = (amount: number, rate?: number) => ({ amount, currency: 'usd', rate });

describe('what a bank holds', () => {
  test('in the currency of the sale is what was withdrawn less what came back', () => {
    expect(withdrawn(1000, [])).toBe(0);
    expect(withdrawn(1000, [{ amount: -1000 }])).toBe(1000);
    expect(withdrawn(1000, [{ amount: -1000 }, { amount: 400 }])).toBe(600);
    expect(withdrawn(1000, [{ amount: -1000 }, { amount: 1000 }])).toBe(0);
  });

  test('is never told by the outcome, and never below nothing', () => {
    expect(withdrawn(1000, [{ amount: -1000 }], 'won')).toBe(1000);
    expect(withdrawn(1000, [{ amount: 200 }], 'lost')).toBe(0);
  });

  test('holds no fees', () => {
    expect(withdrawn(1000, [{ amount: -1000 }, { amount: -1500, type: 'stripe_fee' }])).toBe(1000);
  });

  test('in another currency is a part of the disputed amount, exact at both ends', () => {
    expect(withdrawn(1000, [usd(-1087)])).toBe(1000);
    expect(withdrawn(1000, [usd(-1087), usd(1087)])).toBe(0);
    expect(withdrawn(1001, [usd(-1000), usd(500)])).toBe(501);
    expect(withdrawn(999, [usd(-77), usd(38)])).toBe(Math.round((999 * 39) / 77));
  });

  test('is nothing after all came back at another rate', () => {
    expect(withdrawn(1000, [usd(-1087, 1.087), usd(1042, 1.042)])).toBe(0);
    expect(withdrawn(123_456, [usd(-134_197, 1.087), usd(128_641, 1.042)])).toBe(0);
    expect(withdrawn(1000, [usd(-1087, 1.087), usd(1142, 1.142)])).toBe(0);
  });

  test('is the part that is away when a part came back at another rate', () => {
    expect(withdrawn(1000, [usd(-1087, 1.087), usd(417, 1.042)])).toBe(600);
  });
});
