// Which addresses a webhook may name for PayPal's certificate: checked on arrival and again before verifying.

/**
 * Whether it is https on a host under paypal.com, or on exactly `apiHost` (with its port), where PayPal's
 * API or its stand-in listens; a stand-in outside paypal.com may use http. No user, password or other port.
 */
export function isPaypalCertificateUrl(text: string, apiHost: string): boolean {
  const url = URL.parse(text);
  if (url?.username !== '' || url.password !== '') return false;
  if (url.hostname.endsWith('.paypal.com')) return url.protocol === 'https:' && url.port === '';
  return url.host === apiHost && (url.protocol === 'https:' || url.protocol === 'http:');
}
