// Time-based codes of an authenticator app (RFC 6238), by the profile that every such app speaks.
import { Secret, TOTP } from 'otpauth';

// SHA-1, 6 digits, 30 seconds: apps ignore other wishes or refuse them. HMAC does not rest on collisions.
const profile = { algorithm: 'SHA1', digits: 6, period: 30 };
/** 160 bits, as RFC 4226 section 4 (R6) recommends. */
const secretBytes = 20;
/** A code is good one step early and one late: clocks differ, and people type (RFC 6238 section 5.2). */
const windowSteps = 1;

interface NewTotp {
  /** Base32, for typing. */
  secret: string;
  /** `otpauth://…`, for a QR code. */
  uri: string;
}

export function newTotp(issuer: string, label: string): NewTotp {
  const secret = new Secret({ size: secretBytes });
  return { secret: secret.base32, uri: new TOTP({ ...profile, issuer, label, secret }).toString() };
}

/** The time step that the code belongs to, now or a step beside; undefined: it is wrong. `secret` in base32. */
export function stepOfCode(secret: string, code: string, now = Date.now()): number | undefined {
  const totp = new TOTP({ ...profile, secret: Secret.fromBase32(secret) });
  const delta = totp.validate({ token: code, timestamp: now, window: windowSteps });
  return delta === null ? undefined : totp.counter({ timestamp: now }) + delta;
}
