// Turns away what cannot be a webhook of PayPal's before it is stored; whether it is one, PayPal says later.
import { isPaypalCertificateUrl } from '#shared/contracts/paypal-certificate.ts';

const forms: Record<string, RegExp> = {
  'paypal-auth-algo': /^SHA256withRSA$/,
  'paypal-cert-url': /^\S{1,500}$/,
  // Notifications v1 bounds these at 50, 500 and 100 signs.
  'paypal-transmission-id': /^[\w-]{1,50}$/,
  'paypal-transmission-sig': /^[A-Za-z0-9+/]{1,498}={0,2}$/,
  'paypal-transmission-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/,
};

/** What has to be stored beside the body, so that PayPal can be asked about it. */
export const paypalHeaders: readonly string[] = Object.keys(forms);

/**
 * PayPal sends an event again for three days, and may keep the time of its first attempt: a day more leaves
 * room for an outage of ours and for the last attempt to be late. What is older can only be a replay.
 */
const ageMsMax = 4 * 86_400_000;
/** How far a clock may be ahead: an honest server's is by seconds. */
const aheadMsMax = 5 * 60_000;

/**
 * What is wrong with a webhook's headers, in words without their values; undefined: nothing. `headerOf`
 * takes lower-case names. `allowedHost` is the host, with its port, of PayPal's API by the operator's
 * settings.
 */
export function paypalHeaderFault(
  headerOf: (name: string) => string | undefined,
  nowMs: number,
  allowedHost: string,
): string | undefined {
  for (const [name, form] of Object.entries(forms)) {
    const value = headerOf(name);
    if (value === undefined || value === '') return `the header ${name} is missing`;
    if (!form.test(value)) return `the header ${name} has an unknown form`;
  }
  const sentMs = Date.parse(headerOf('paypal-transmission-time') ?? '');
  if (Number.isNaN(sentMs)) return 'the header paypal-transmission-time is no time';
  if (nowMs - sentMs > ageMsMax) return 'the transmission is older than four days';
  if (sentMs - nowMs > aheadMsMax) return 'the transmission is dated more than five minutes ahead';
  const isCertificate = isPaypalCertificateUrl(headerOf('paypal-cert-url') ?? '', allowedHost);
  return isCertificate ? undefined : "the header paypal-cert-url does not lead to PayPal's certificates";
}
