// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// What the hosted wallet says where the API says codes and numbers.
import { Refusal } from './wallet-api.js';

const plainWords = {
  invalid_credentials: 'The address or the password is wrong.',
  email_taken: 'This address has an account already. Log in instead.',
  email_not_verified: 'Follow the link in our mail first, then log in.',
  password_compromised: 'This password is known to attackers. Please choose another one.',
  refund_exceeds_original: 'That is more than what is left of it. It may have been refunded already.',
  not_refundable: 'This cannot be refunded.',
  forbidden: 'You may not do this here. Ask the shop instead.',
  wallet_frozen: 'This wallet is frozen. Ask the shop about it.',
  insufficient_funds: 'There are not enough coins.',
  unknown_item: 'This is not sold any more.',
  item_unavailable: 'This is not on sale at the moment.',
  price_changed: 'The price has changed meanwhile. Look again, then decide.',
  stock_gone: 'Somebody was faster: it is sold out.',
  item_limit: 'You have as many of it as one may have.',
  item_used: 'It was used, so it cannot be refunded any more.',
  not_consumable: 'This cannot be used up.',
  entitlement_exhausted: 'There is none left of it.',
  method_not_storable: 'This way of paying cannot be kept. Choose another one, or leave that off.',
  payment_method_not_found: 'This way of paying is not stored any more.',
  unknown_pack: 'This pack is not sold any more. Load the page again.',
  invalid_code: 'The code is wrong, was used before, or is too old. Try the next one.',
  invalid_token: 'That took too long, or was done before. Please try again.',
  invalid_passkey:
    'This passkey opens nothing here any more, or it took too long. Try again, or another way.',
  link_required: 'This address has an account already. Log in with its password, then link it there.',
  oauth_failed: 'The login was not finished. Please try again.',
  tenant_suspended: 'This wallet is closed at the moment.',
  rate_limited: 'Too many attempts. Wait a moment, then try again.',
  provider_not_configured: 'This way of paying is not available here.',
  velocity_exceeded: 'That is more than this wallet may do within a while. Try again later.',
  account_too_new: 'Your account is too new for this. Try again later, or with less.',
  balance_limit: 'That is more than a wallet may hold.',
  refused_in_review: 'The shop looked at it and refused it. Nothing has moved.',
  user_not_found: 'There is nobody with this id here.',
  recipient_is_sender: 'That is your own id.',
  recipient_closed: 'This user takes no coins.',
  bonus_not_transferable: 'Coins that were a gift cannot be sent, and the others are not enough.',
  step_up_required: 'So many coins at once need a second factor: confirm it on your account page.',
  held_for_review:
    'The shop looks at this first. It goes on by itself once they agree: look into the history.',
  pending: 'It is accepted and takes longer than usual. Look into the history in a while.',
};

export const compromisedText =
  'Your password became known in a leak elsewhere, so others may try it here. Choose a new one now:';

export const frozenText = 'This wallet is frozen: nothing can be spent from it now. Ask the shop about it.';

/** What a browser says when it does not use a passkey, by the name of its error (WebAuthn section 5.1). */
const passkeyWords = {
  NotAllowedError: 'No passkey was used: it was cancelled, took too long, or there is none here.',
  AbortError: 'No passkey was used: it was cancelled.',
  InvalidStateError: 'This device has a passkey of yours already.',
  SecurityError: 'Passkeys do not work at this address.',
};

/** Any failure in words for the person at the page. */
export function explain(error) {
  if (!(error instanceof Refusal)) {
    return passkeyWords[error.name] ?? 'Something went wrong on this page. Load it again.';
  }
  if (error.status === 0) return 'No answer came. Check the connection and try again: nothing is done twice.';
  const text = plainWords[error.code] ?? error.message;
  return error.requestId && error.status >= 500 ? `${text} Try again. (Request ${error.requestId})` : text;
}

const kindNames = {
  purchase: 'Bought',
  spend: 'Spent',
  refund: 'Refunded',
  grant: 'Received',
  reversal: 'Returned',
  clawback: 'Taken back',
  capture: 'Spent',
  exchange: 'Exchanged',
  expiry: 'Run out',
  payout: 'Paid out',
  payout_return: 'Payout came back',
};

/** What a line of the history is; a debt, a write-off and a transfer have two directions. */
export function kindName({ kind, amount }) {
  if (kind === 'transfer') return amount > 0 ? 'Came from another user' : 'Sent';
  if (kind === 'debt') return amount > 0 ? 'Owed' : 'Debt repaid';
  if (kind === 'write_off') return amount > 0 ? 'Written off' : 'Write-off undone';
  return kindNames[kind] ?? kind;
}

/** Date and time as this browser writes them. */
export function moment(iso) {
  return new Date(iso).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

/** `minor` in the minor unit of the currency, of which the browser knows how many make one. */
export function price(minor, currency) {
  const format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** The places that say something about who is signed in, by their ids. */
export const personal = [
  ...['balance-parts', 'history', 'coins-list', 'coins-rest', 'who', 'shop-lines', 'owned-lines'],
  ...['methods-lines', 'top-up-method', 'top-up-state'],
];
