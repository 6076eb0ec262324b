// What the mails about money say. Pure: from what the database holds to words; layout.ts gives them their form.
import type { ReceiptRow } from '#shared/db/mails.ts';
import { formatCoins, formatMoney, formatTime, greeting, type Platform, plainLine } from './format.ts';
import type { MailContent } from './layout.ts';

type Facts = NonNullable<MailContent['facts']>;

const providerNames: Record<string, string> = {
  sandbox: 'Sandbox (no real money)',
  stripe: 'Card (Stripe)',
  paypal: 'PayPal',
};

const providerName = (provider: string) => providerNames[provider] ?? provider;

/** For an applied purchase. */
export function purchaseReceipt(
  platform: Platform,
  userName: string | null,
  receipt: ReceiptRow,
): MailContent {
  const { purchase } = receipt;
  const coins = formatCoins(receipt.amount ?? purchase?.coins ?? 0, platform.coin);
  const facts: Facts = [['Bought', coins]];
  if (purchase?.pack) facts.push(['Pack', purchase.pack]);
  if (purchase) {
    facts.push(['Paid', formatMoney(purchase.price, purchase.currency)]);
    facts.push(['Paid with', providerName(purchase.provider)]);
  }
  return {
    subject: `Your receipt from ${platform.name}: ${coins}`,
    preview: `We added ${coins} to your wallet.`,
    heading: 'Thank you for your purchase',
    paragraphs: [greeting(userName), `Your payment arrived, and we added ${coins} to your wallet.`],
    facts: [...facts, ...commonFacts(platform, receipt)],
  };
}

/**
 * For an applied refund, of a spend (coins came back) or of a purchase (money goes back); and for a
 * purchase that was paid and could not be delivered.
 */
export function refundReceipt(platform: Platform, userName: string | null, receipt: ReceiptRow): MailContent {
  const money = receipt.moneyBack
    ? formatMoney(receipt.moneyBack.amount, receipt.moneyBack.currency)
    : undefined;
  const coins = receipt.amount === null ? undefined : formatCoins(receipt.amount, platform.coin);
  if (receipt.kind === 'purchase') return undelivered(platform, userName, receipt, money, coins);
  if (receipt.original?.kind !== 'purchase') return coinsBack(platform, userName, receipt, coins ?? '');
  const facts: Facts = [['Returned to you', money ?? 'see your payment provider']];
  if (receipt.purchase) facts.push(['Returned by', providerName(receipt.purchase.provider)]);
  if (coins) facts.push(['Taken from your wallet', coins]);
  return {
    subject: `Your refund from ${platform.name}${money ? `: ${money}` : ''}`,
    preview: `${money ?? 'Your money'} is on its way back to you.`,
    heading: 'Your refund',
    paragraphs: [greeting(userName), `${money ?? 'Your money'} goes back the way you paid.`],
    facts: [...facts, ...commonFacts(platform, receipt)],
    closing: ['Until it shows on your statement, some days may pass.'],
  };
}

function coinsBack(
  platform: Platform,
  userName: string | null,
  receipt: ReceiptRow,
  coins: string,
): MailContent {
  const facts: Facts = [['Returned', coins]];
  if (receipt.original?.reference) facts.push(['For', plainLine(receipt.original.reference)]);
  return {
    subject: `Your refund from ${platform.name}: ${coins}`,
    preview: `We returned ${coins} to your wallet.`,
    heading: 'Your refund',
    paragraphs: [greeting(userName), `We returned ${coins} to your wallet.`],
    facts: [...facts, ...commonFacts(platform, receipt)],
  };
}

function undelivered(
  platform: Platform,
  userName: string | null,
  receipt: ReceiptRow,
  money: string | undefined,
  coins: string | undefined,
): MailContent {
  const facts: Facts = [['Returned to you', money ?? 'the whole payment']];
  if (receipt.purchase) facts.push(['Returned by', providerName(receipt.purchase.provider)]);
  return {
    subject: `Your payment to ${platform.name} was returned`,
    preview: `${money ?? 'Your payment'} is on its way back to you.`,
    heading: 'Your payment was returned',
    paragraphs: [
      greeting(userName),
      `You paid for ${coins ?? 'a purchase'}, but it could not be delivered. ${money ?? 'Your payment'} goes back the way you paid.`,
    ],
    facts: [...facts, ['Date', formatTime(receipt.settledAt ?? receipt.createdAt)], ['Number', receipt.id]],
    closing: ['Until it shows on your statement, some days may pass.'],
  };
}

function commonFacts(platform: Platform, receipt: ReceiptRow): Facts {
  const facts: Facts = [];
  if (receipt.balanceAfter !== null) {
    facts.push(['New balance', formatCoins(receipt.balanceAfter, platform.coin)]);
  }
  if (receipt.reference) facts.push(['Reference', plainLine(receipt.reference)]);
  facts.push(['Date', formatTime(receipt.settledAt ?? receipt.createdAt)], ['Receipt number', receipt.id]);
  return facts;
}
