// Seals what a tenant entrusts to us, and derives every other secret from SECRET_KEY.
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';

export interface Keyring {
  /** AES-256-GCM (NIST SP 800-38D); `context` is authenticated, so a value cannot be moved to another place. */
  seal(plain: string, context: string): string;
  /** @throws Error when the key is unknown, or the value or its context was changed. */
  open(sealed: string, context: string): string;
  /** A 32-byte secret for one purpose, always from the current key (HKDF, RFC 5869). */
  derive(purpose: string): Buffer;
  /** The same under a named key, current or previous; undefined when the key is gone. */
  deriveUnder(keyId: string, purpose: string): Buffer | undefined;
  readonly keyId: string;
  /** HMAC-SHA-256 of a text under the secret of a purpose, current key. */
  mac(purpose: string, text: string): Buffer;
}

const version = 'v1';
/** In bytes. Left out, Node would take a tag cut down to 4 of them. */
const authTagLength = 16;

/** `secretKeys`: the current key first, then the previous ones, which only open. */
export function createKeyring(secretKeys: string[]): Keyring {
  const current = secretKeys[0];
  if (current === undefined) throw new Error('a keyring needs a key');
  const byId = new Map(secretKeys.map((key) => [idOf(key), key]));
  const keyId = idOf(current);
  const derived = new Map<string, Buffer>();
  const deriveUnder = (id: string, purpose: string): Buffer | undefined => {
    const cached = derived.get(`${id}/${purpose}`);
    if (cached) return cached;
    const key = byId.get(id);
    if (key === undefined) return undefined;
    const made = Buffer.from(hkdfSync('sha256', key, 'coinlane', purpose, 32));
    // Purposes are few, but some name a tenant: keep the map bounded.
    if (derived.size > 10_000) derived.clear();
    derived.set(`${id}/${purpose}`, made);
    return made;
  };
  const derive = (purpose: string) => deriveUnder(keyId, purpose) as Buffer;
  return {
    keyId,
    derive,
    deriveUnder,
    mac: (purpose, text) => createHmac('sha256', derive(purpose)).update(text).digest(),
    seal(plain, context) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', derive('seal'), nonce, { authTagLength });
      cipher.setAAD(Buffer.from(context));
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return `${version}.${keyId}.${nonce.toString('base64url')}.${body.toString('base64url')}`;
    },
    open(sealed, context) {
      const [tag, id, nonce, body, ...rest] = sealed.split('.');
      if (
        tag !== version ||
        id === undefined ||
        nonce === undefined ||
        body === undefined ||
        rest.length > 0
      ) {
        throw new Error('a sealed value has an unknown form');
      }
      const key = deriveUnder(id, 'seal');
      if (!key) throw new Error(`a value was sealed with key ${id}, which is neither current nor previous`);
      const bytes = Buffer.from(body, 'base64url');
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'), {
        authTagLength,
      });
      decipher.setAAD(Buffer.from(context));
      decipher.setAuthTag(bytes.subarray(-authTagLength));
      return Buffer.concat([decipher.update(bytes.subarray(0, -authTagLength)), decipher.final()]).toString(
        'utf8',
      );
    },
  };
}

/** Names a key without telling it. */
function idOf(key: string): string {
  return createHash('sha256').update(`coinlane-key-id:${key}`).digest('hex').slice(0, 8);
}
