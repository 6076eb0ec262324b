// A device that a user logged in from gets a proof of it, so that strangers who guess do not lock it out.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { UserRow } from '#shared/db/identity.ts';
import type { Keyring } from '#shared/tenants/secrets.ts';

/** Who the token is for; the hash is null for users without a password. */
type Owner = Pick<UserRow, 'id' | 'passwordHash'>;

export interface KnownDevice {
  deviceId: string;
  /** Names the user and the stored password that the device knew, without telling anything of either. */
  mark: string;
}

/** 180 days. */
const lifetimeMs = 180 * 24 * 3600 * 1000;
const pattern = /^dt_([\w-]{16})\.([\w-]{11})\.([0-9a-z]{1,10})\.([\w-]{43})$/;

/** A new password, or one that was reset, has another hash: devices that knew the old one are strangers then. */
function markOf(keyring: Keyring, tenant: string, { id, passwordHash }: Owner): string {
  const mac = keyring.mac('known-device-user', `${tenant}/${id}/${passwordHash ?? ''}`);
  return mac.subarray(0, 8).toString('base64url');
}

const macOf = (keyring: Keyring, tenant: string, body: string) =>
  keyring.mac('known-device', `${tenant}/${body}`);

/**
 * The `deviceToken` of a login. It opens nothing: it names a device whose failed logins are counted apart.
 * It also ends with SECRET_KEY, and when the stored hash is renewed at a login from another device.
 */
export function newDeviceToken(keyring: Keyring, tenant: string, owner: Owner, nowMs = Date.now()): string {
  const deviceId = randomBytes(12).toString('base64url');
  const body = [deviceId, markOf(keyring, tenant, owner), nowMs.toString(36)].join('.');
  return `dt_${body}.${macOf(keyring, tenant, body).toString('base64url')}`;
}

/** Undefined: forged, of another tenant, or too old; none of which a caller is told. */
export function readDeviceToken(
  keyring: Keyring,
  tenant: string,
  token: string | undefined,
  nowMs = Date.now(),
): KnownDevice | undefined {
  const [, deviceId, mark, issued, mac] = pattern.exec(token ?? '') ?? [];
  if (!deviceId || !mark || !issued || !mac) return undefined;
  const expected = macOf(keyring, tenant, [deviceId, mark, issued].join('.'));
  if (!timingSafeEqual(expected, Buffer.from(mac, 'base64url'))) return undefined;
  return nowMs - Number.parseInt(issued, 36) <= lifetimeMs ? { deviceId, mark } : undefined;
}

/** Whether it is this user's, and the password is still the one that it knew. */
export function isDeviceOf(
  keyring: Keyring,
  tenant: string,
  device: KnownDevice,
  owner: Owner | undefined,
): boolean {
  return owner !== undefined && device.mark === markOf(keyring, tenant, owner);
}
