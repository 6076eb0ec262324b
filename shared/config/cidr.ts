// How a range of addresses is written, in settings of processes and of tenants alike.
import { isIP } from 'node:net';
import { z } from 'zod';

/** An address, or a range in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3). */
export const cidr = z.string().refine((value) => {
  const [address, bits, ...rest] = value.split('/');
  const family = isIP(address ?? '');
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}, 'must be an address or a CIDR such as 10.0.0.0/8');
