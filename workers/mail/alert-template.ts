// What the mails say that tell a platform's own people of an alert. Pure: from what the alert measured to words.
import type { EmailJob } from '#shared/contracts/jobs.ts';
import { formatTime, type Platform, plainLine } from './format.ts';
import type { MailContent } from './layout.ts';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });

interface Words {
  raised: string;
  cleared: string;
  what: string;
  unit: string;
}

/** Of a rule that is newer than this code the mail still tells its name and its numbers. */
function wordsOf(rule: string): Words {
  switch (rule) {
    case 'balance_below':
      return {
        raised: 'A balance is low',
        cleared: 'A balance is back',
        what: "The balance of a user's wallet",
        unit: ' coins',
      };
    case 'liability_above':
      return {
        raised: 'Many coins are outstanding',
        cleared: 'Fewer coins are outstanding',
        what: 'What all wallets hold together',
        unit: ' coins',
      };
    case 'refusal_rate':
      return {
        raised: 'Many operations are refused',
        cleared: 'Fewer operations are refused',
        what: 'The share of operations that were refused',
        unit: ' %',
      };
    default:
      return { raised: `Alert: ${rule}`, cleared: `Over: ${rule}`, what: rule, unit: '' };
  }
}

const labels: [name: string, label: string][] = [
  ['currency', 'Coin'],
  ['walletId', 'Wallet'],
  ['userId', 'User'],
  ['operationId', 'Operation'],
  ['settled', 'Operations'],
  ['rejected', 'Refused'],
  ['seconds', 'Within seconds'],
];

export function alertMail(platform: Platform, at: Date, data: EmailJob['data']): MailContent {
  const words = wordsOf(plainLine(String(data.rule)));
  const heading = data.change === 'cleared' ? words.cleared : words.raised;
  const number = (value: unknown) =>
    typeof value === 'number' ? `${whole.format(value)}${words.unit}` : 'not measured any more';
  const others = Number(data.others ?? 0);
  return {
    subject: `${platform.name}: ${heading}`,
    preview: `${words.what}: ${number(data.value)}.`,
    heading,
    paragraphs: [
      `${words.what} was ${number(data.value)} on ${formatTime(at)}.`,
      ...(others > 0 ? [`So it was with ${whole.format(others)} more at the same moment.`] : []),
      ...(data.rule === 'balance_below'
        ? ['Other wallets may follow within ten minutes without a mail of their own; webhooks tell of each.']
        : []),
    ],
    facts: [
      ['Threshold', number(data.threshold)],
      ...labels
        .filter(([name]) => data[name] !== undefined && data[name] !== null)
        .map(([name, label]): [string, string] => [label, plainLine(String(data[name]))]),
    ],
  };
}
