// What the mails say whose link proves that the reader has the address. Pure; the link is the one that is given.
import { greeting, type Platform } from './format.ts';
import type { MailContent } from './layout.ts';

/** `verifyUrl`: where the address is confirmed; undefined when it needs no confirmation. */
export function welcome(
  platform: Platform,
  userName: string | null,
  verifyUrl: string | undefined,
): MailContent {
  const hello = `Your account at ${platform.name} is ready. It comes with a wallet for ${platform.coin.name}.`;
  if (verifyUrl === undefined) {
    return {
      subject: `Welcome to ${platform.name}`,
      preview: `Your account at ${platform.name} is ready.`,
      heading: `Welcome to ${platform.name}`,
      paragraphs: [greeting(userName), hello],
    };
  }
  return {
    subject: `Welcome to ${platform.name}: please confirm your address`,
    preview: 'One click, and we know that this address is yours.',
    heading: `Welcome to ${platform.name}`,
    paragraphs: [greeting(userName), `${hello} Please confirm that this address is yours.`],
    action: {
      label: 'Confirm my address',
      url: verifyUrl,
      note: 'If you did not open this account, do nothing: without you, the address stays unconfirmed.',
    },
  };
}

export function verifyEmail(platform: Platform, userName: string | null, url: string): MailContent {
  return {
    subject: `Please confirm your address at ${platform.name}`,
    preview: 'One click, and we know that this address is yours.',
    heading: 'Please confirm your address',
    paragraphs: [
      greeting(userName),
      `Here is a new link for your account at ${platform.name}. It works for 24 hours and once; links of earlier mails do not work any more.`,
    ],
    action: {
      label: 'Confirm my address',
      url,
      note: 'If you did not ask for this, do nothing: without you, the address stays unconfirmed.',
    },
  };
}

export function resetPassword(platform: Platform, userName: string | null, url: string): MailContent {
  return {
    subject: `Choose a new password at ${platform.name}`,
    preview: 'The link works for 30 minutes.',
    heading: 'Choose a new password',
    paragraphs: [
      greeting(userName),
      `Somebody, hopefully you, asked for a new password for your account at ${platform.name}. The link works for 30 minutes and once; links of earlier mails do not work any more.`,
    ],
    action: {
      label: 'Choose a new password',
      url,
      note: 'If you did not ask for this, do nothing: your password stays as it is. Never pass the link on.',
    },
  };
}

/** To the new address. */
export function changeEmail(platform: Platform, userName: string | null, url: string): MailContent {
  return {
    subject: `Please confirm your new address at ${platform.name}`,
    preview: 'One click, and your account has this address.',
    heading: 'Please confirm your new address',
    paragraphs: [
      greeting(userName),
      `You asked to use this address for your account at ${platform.name}. Nothing changes before you confirm it. The link works for 60 minutes and once.`,
    ],
    action: {
      label: 'Use this address',
      url,
      note: 'If you did not ask for this, do nothing: somebody mistyped, and nothing changes.',
    },
  };
}
