// What the mails say that tell of a change to an account. Pure, and without links: readers know where they log in.
import { formatTime, greeting, type Platform } from './format.ts';
import type { MailContent } from './layout.ts';

/** `tried`: what somebody wanted to do with an address that has an account. */
export function accountExists(
  platform: Platform,
  userName: string | null,
  tried: 'register' | 'change',
): MailContent {
  const wish = {
    register: 'open an account with this address',
    change: 'move another account to this address',
  };
  return {
    subject: `You have an account at ${platform.name} already`,
    preview: 'Nothing was changed.',
    heading: 'You have an account already',
    paragraphs: [
      greeting(userName),
      `Somebody tried to ${wish[tried]} at ${platform.name}. It has an account already, so nothing was changed, and whoever tried did not learn that it exists.`,
      'If this was you, log in with this address. Should you not know the password any more, ask for a new one where you log in.',
      'If it was not, there is nothing to do.',
    ],
  };
}

export function passwordChanged(platform: Platform, userName: string | null, at: Date): MailContent {
  return {
    subject: `Your password at ${platform.name} was changed`,
    preview: 'If this was not you, act now.',
    heading: 'Your password was changed',
    paragraphs: [
      greeting(userName),
      `The password of your account at ${platform.name} was changed on ${formatTime(at)}.`,
      ...ifNotYou(platform),
    ],
  };
}

/** To the old address. It names the new one to nobody: the reader may not be its owner. */
export function emailChanged(platform: Platform, userName: string | null, at: Date): MailContent {
  return {
    subject: `Your address at ${platform.name} was changed`,
    preview: 'If this was not you, act now.',
    heading: 'Your address was changed',
    paragraphs: [
      greeting(userName),
      `Your account at ${platform.name} has another address since ${formatTime(at)}. This one does not log in any more, and gets no more mail.`,
      'If this was you, there is nothing to do.',
      `If it was not, somebody else is in your account: tell ${platform.name} at once. A new password cannot be asked for with this address any more.`,
    ],
  };
}

export function sessionReuse(platform: Platform, userName: string | null, at: Date): MailContent {
  return {
    subject: `You were logged out at ${platform.name}`,
    preview: 'A device showed a login that had been replaced.',
    heading: 'One of your logins was ended',
    paragraphs: [
      greeting(userName),
      `On ${formatTime(at)} a device used a login to your account at ${platform.name} that had been replaced by a newer one. That happens when a login was copied, so we ended it everywhere, to be safe. Your other devices stay logged in.`,
      'If you restored a device or an app from a backup, this is why: log in again, and all is well.',
      `If you did nothing of the kind, log in, set a new password, and look at what happened in your wallet. If something is not yours, tell ${platform.name}.`,
    ],
  };
}

// Maps: a name that is none of these finds nothing, whatever it is.
const factorNames = new Map([
  ['totp', 'an authenticator app'],
  ['passkey', 'a passkey'],
]);
const factorChanges = new Map([
  ['added', { heading: 'A second factor was added', happened: (factor: string) => `${factor} was added to` }],
  [
    'removed',
    { heading: 'A second factor was removed', happened: (factor: string) => `${factor} was removed from` },
  ],
  [
    'recovery_used',
    {
      heading: 'A recovery code was used',
      happened: () => 'a recovery code, instead of a second factor, was used at',
    },
  ],
  [
    'recovery_renewed',
    {
      heading: 'New recovery codes were made',
      happened: () => 'new recovery codes, which end the old ones, were made for',
    },
  ],
]);
const changedSomehow = {
  heading: 'Your second factor was changed',
  happened: () => 'a second factor was changed at',
};

/** `change`: added, removed, recovery_used or recovery_renewed; `factor`: totp or passkey. */
export function secondFactorChanged(
  platform: Platform,
  userName: string | null,
  at: Date,
  { change, factor }: { change: string; factor: string },
): MailContent {
  const { heading, happened } = factorChanges.get(change) ?? changedSomehow;
  const what = happened(factorNames.get(factor) ?? 'a second factor');
  return {
    subject: `${heading} at ${platform.name}`,
    preview: 'If this was not you, act now.',
    heading,
    paragraphs: [
      greeting(userName),
      `On ${formatTime(at)} ${what} your account at ${platform.name}.`,
      ...ifNotYou(platform),
    ],
  };
}

const loginNames = new Map([
  ['google', 'Google'],
  ['facebook', 'Facebook'],
]);

/** `change`: linked or unlinked. */
export function identityChanged(
  platform: Platform,
  userName: string | null,
  at: Date,
  { change, provider }: { change: string; provider: string },
): MailContent {
  const login = loginNames.get(provider) ?? 'another service';
  const linked = change !== 'unlinked';
  return {
    subject: `${login} was ${linked ? 'linked to' : 'unlinked from'} your account at ${platform.name}`,
    preview: 'If this was not you, act now.',
    heading: `${login} was ${linked ? 'linked' : 'unlinked'}`,
    paragraphs: [
      greeting(userName),
      linked
        ? `Since ${formatTime(at)} a login by ${login} opens your account at ${platform.name}.`
        : `Since ${formatTime(at)} no login by ${login} opens your account at ${platform.name} any more.`,
      ...ifNotYou(platform),
    ],
  };
}

/** To the address that the account had. */
export function accountErased(platform: Platform, at: Date): MailContent {
  return {
    subject: `Your account at ${platform.name} is gone`,
    preview: 'What was personal in it was deleted.',
    heading: 'Your account is gone',
    paragraphs: [
      greeting(null),
      `Your account at ${platform.name} was closed on ${formatTime(at)}, and what was personal in it was deleted: name, address, logins. Amounts and dates stay in the books, without your name.`,
      'Nobody can log in to it any more, and this is the last mail about it.',
    ],
  };
}

function ifNotYou(platform: Platform): string[] {
  return [
    'If this was you, there is nothing to do.',
    `If it was not, somebody else may be in your account: set a new password at once, and tell ${platform.name}.`,
  ];
}
