// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// What the account page says where the API says codes, numbers and user agents.
import { Refusal } from './wallet-api.js';
import { explain as explainAny } from './wallet-words.js';

const plainWords = {
  email_not_verified: 'Confirm your address first: send the mail again above, and follow its link.',
  last_login_method: 'It is the only way into your account. Choose a password first, or add another way.',
  identity_taken: 'This login belongs to another account here, or yours is linked to another one there.',
  oauth_not_configured: 'This way to log in is not offered any more.',
  oauth_unavailable: 'They do not answer at the moment. Try again later.',
  factor_state: 'This has changed meanwhile, or there are too many. Load the page again.',
  not_found: 'It is gone already. Load the page again.',
  payment_state: 'A payment of yours is being looked into. Your account can be erased once that is over.',
  overloaded: 'Too much is going on here at the moment. Try again in a minute.',
};

/** Any failure in words for the person at the page. */
export function explain(error) {
  if (!(error instanceof Refusal)) return explainAny(error);
  if (error.code === 'rate_limited') return `Too many attempts. Try again ${inWords(error.retryAfter)}.`;
  // Here the address is known, so that only the password can be wrong, or missing.
  if (error.code === 'invalid_credentials') return error.message;
  return plainWords[error.code] ?? explainAny(error);
}

/** `seconds` to wait, if they are known. */
function inWords(seconds) {
  if (!seconds) return 'in a while';
  const format = new Intl.RelativeTimeFormat('en', { numeric: 'always' });
  if (seconds <= 90) return format.format(Math.ceil(seconds), 'second');
  const minutes = Math.ceil(seconds / 60);
  return minutes <= 90 ? format.format(minutes, 'minute') : format.format(Math.ceil(minutes / 60), 'hour');
}

/** A fault of a field as a sentence. */
export function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

export const date = (iso) => new Date(iso).toLocaleDateString(undefined, { dateStyle: 'medium' });
export const time = (iso) =>
  new Date(iso).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });

// The first that fits: each of them also claims to be one of the later.
const browsers = [
  [/Edg(?:e|A|iOS)?\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/SamsungBrowser\//, 'Samsung Internet'],
  [/(?:Firefox|FxiOS)\//, 'Firefox'],
  [/(?:Chrome|CriOS)\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];
const systems = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/CrOS/, 'ChromeOS'],
  [/Mac OS X/, 'Mac'],
  [/Linux/, 'Linux'],
];
const agentLengthMax = 60;

/** A name for a device by its user agent, which may say anything. */
export function deviceName(userAgent) {
  const nameIn = (list) => list.find(([pattern]) => pattern.test(userAgent ?? ''))?.[1];
  const [browser, system] = [nameIn(browsers), nameIn(systems)];
  if (browser) return system ? `${browser} on ${system}` : browser;
  if (!userAgent) return 'Unknown device';
  return userAgent.length > agentLengthMax ? `${userAgent.slice(0, agentLengthMax)}…` : userAgent;
}

export const providerNames = { google: 'Google', facebook: 'Facebook' };
const methods = { ...providerNames, password: 'password', passkey: 'passkey' };
export const methodName = (method) => methods[method] ?? method;
