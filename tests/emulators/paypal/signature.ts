// Signs and checks webhooks by PayPal's scheme, over the very bytes that were sent.
import { generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { toStamp } from './world.ts';

const algorithm = 'SHA256withRSA';

export interface Transmission {
  auth_algo: string;
  cert_url: string;
  transmission_id: string;
  transmission_sig: string;
  transmission_time: string;
  webhook_id: string;
}

export interface SigningOptions {
  /** Signed by a key that is not PayPal's. */
  forged?: boolean;
  /** The time that the signature states; now when left out. */
  at?: Date;
  /** Where the certificate is said to lie. */
  certUrl?: string;
}

export interface Signer {
  /** PEM of the public key, as served under the certificate's address. */
  publicKey: string;
  certPath: string;
  /** The five PAYPAL-… headers for one transmission of these bytes. */
  headersFor(body: string, webhookId: string, base: string, options?: SigningOptions): Record<string, string>;
  /** True only if these bytes were signed by us for this webhook, and the certificate is ours. */
  verifies(transmission: Transmission, body: string, base: string): boolean;
}

/** One key pair for a process: making them is slow, and every emulator may share them. */
const ours = lazily(() => generateKeyPairSync('rsa', { modulusLength: 2048 }));
const foreign = lazily(() => generateKeyPairSync('rsa', { modulusLength: 2048 }));

/**
 * The text that PayPal signs: transmission id, time, webhook id and the CRC-32 of the body in decimal
 * (PayPal's webhook integration guide, "Verify method").
 */
function signedText(id: string, time: string, webhookId: string, body: string): string {
  return `${id}|${time}|${webhookId}|${crc32(Buffer.from(body, 'utf8'))}`;
}

export function createSigner(): Signer {
  const certPath = '/v1/notifications/certs/CERT-360caa42-fca2a594-1a5f47cb';
  return {
    publicKey: ours().publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    certPath,
    headersFor(body, webhookId, base, options = {}) {
      const time = toStamp(options.at ?? new Date());
      const { privateKey } = options.forged === true ? foreign() : ours();
      const { id, signature } = drawSignature((id) => {
        const text = Buffer.from(signedText(id, time, webhookId, body));
        return sign('sha256', text, privateKey).toString('base64');
      });
      return {
        'paypal-transmission-id': id,
        'paypal-transmission-time': time,
        'paypal-transmission-sig': signature,
        'paypal-cert-url': options.certUrl ?? `${base}${certPath}`,
        'paypal-auth-algo': algorithm,
        'paypal-auth-version': 'v2',
      };
    },
    verifies(transmission, body, base) {
      if (transmission.auth_algo !== algorithm) return false;
      if (transmission.cert_url !== `${base}${certPath}`) return false;
      const { transmission_id: id, transmission_time: time, webhook_id: webhookId } = transmission;
      const text = Buffer.from(signedText(id, time, webhookId, body));
      const signature = Buffer.from(transmission.transmission_sig, 'base64');
      return verify('sha256', text, ours().publicKey, signature);
    },
  };
}

/** PayPal's published schema has signatures begin with a letter or a digit; one in 32 of Base64 does not. */
function drawSignature(signed: (id: string) => string): { id: string; signature: string } {
  for (;;) {
    const id = randomUUID();
    const signature = signed(id);
    if (/^\w/.test(signature)) return { id, signature };
  }
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
