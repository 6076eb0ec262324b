// Asks PayPal whether a stored webhook is its own, over exactly the bytes that came.
import { isPaypalCertificateUrl } from '#shared/contracts/paypal-certificate.ts';
import type { StoredEvent } from '../provider.ts';
import { verification } from './answers.ts';
import { type Api, parseJson, understand } from './api.ts';

/**
 * Notifications v1, verify-webhook-signature. The event's text is spliced into the request: parsed and
 * written again, 10.00 would become 10 and long integers other ones, and genuine events would fail.
 * @throws ProviderUnavailable when PayPal gave no verdict.
 */
export async function verifyEvent(
  api: Api,
  { headers, body }: StoredEvent,
  { webhookId, baseUrl }: { webhookId: string; baseUrl: string },
): Promise<boolean> {
  const text = body.toString('utf8');
  // What is no JSON object by itself could write fields of its own around the splice.
  if (!isJsonObject(text) || !Buffer.from(text, 'utf8').equals(body)) return false;
  const given = {
    auth_algo: headers['paypal-auth-algo'],
    cert_url: headers['paypal-cert-url'],
    transmission_id: headers['paypal-transmission-id'],
    transmission_sig: headers['paypal-transmission-sig'],
    transmission_time: headers['paypal-transmission-time'],
  };
  if (Object.values(given).some((value) => value === undefined || value === '')) return false;
  if (!isPaypalCertificateUrl(given.cert_url ?? '', new URL(baseUrl).host)) return false;
  const head = JSON.stringify({ ...given, webhook_id: webhookId });
  const path = '/v1/notifications/verify-webhook-signature';
  const reply = await api.send({
    method: 'POST',
    path,
    body: `${head.slice(0, -1)},"webhook_event":${text}}`,
  });
  // Headers that PayPal refuses are none of its own. A webhook id that it does not take is our trouble:
  // then there is no verdict, and the event must not be lost.
  const isAboutHeaders = !JSON.stringify(reply.body ?? null).includes('webhook_id');
  if ((reply.status === 400 || reply.status === 422) && isAboutHeaders) return false;
  return understand(verification, reply, `POST ${path}`).verification_status === 'SUCCESS';
}

function isJsonObject(text: string): boolean {
  const value = parseJson(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
