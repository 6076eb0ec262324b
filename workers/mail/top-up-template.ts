// What the mail says that tells users why their wallet is not topped up by itself any more.
import type { EmailJob } from '#shared/contracts/jobs.ts';
import { greeting, type Platform, plainLine } from './format.ts';
import type { MailContent } from './layout.ts';

/** Of a reason that is newer than this code the mail tells that it is off, and no more. */
function wordsOf(reason: string): string {
  switch (reason) {
    case 'card_declined':
      return 'Your payment method was declined.';
    case 'authentication_required':
      return 'Your bank wants you to confirm the payment yourself, which is not possible while you are away.';
    case 'method_removed':
      return 'The payment method that it used is not there any more.';
    case 'pack_gone':
      return 'What it bought for you is not on sale any more.';
    case 'price_changed':
      return 'What it bought for you costs more than you agreed to.';
    case 'wallet_frozen':
      return 'Your wallet is frozen, so nothing is bought for it.';
    default:
      return 'The payment did not come about.';
  }
}

export function topUpDisabled(
  platform: Platform,
  userName: string | null,
  { reason, label }: EmailJob['data'],
): MailContent {
  const words = wordsOf(String(reason));
  return {
    subject: `Your automatic top-up at ${platform.name} is off`,
    preview: words,
    heading: 'Automatic top-up is off',
    paragraphs: [
      greeting(userName),
      words,
      'No coins were bought, and no more will be until you switch it on.',
    ],
    ...(label === null || label === undefined ? {} : { facts: [['Paid with', plainLine(String(label))]] }),
    closing: ['You can buy coins yourself at any time, and set up the top-up again with a payment method.'],
  };
}
