// Which passwords a tenant takes: long enough, and not what an attacker would try first.
import { problemAt } from '#shared/contracts/problem.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { foldPassword, leakedPasswords } from './leaked-passwords.ts';

/**
 * No rules of composition (NIST SP 800-63B, section 3.1.1.2); the length is counted in code points.
 * `pointer` names the field for the caller. @throws Problem invalid_input or password_compromised.
 */
export function requireGoodPassword(tenant: Tenant, email: string, password: string, pointer: string): void {
  const lengthMin = tenant.settings.passwordLengthMin;
  if ([...password].length < lengthMin) {
    const detail = `The password must have at least ${lengthMin} characters.`;
    throw problemAt('invalid_input', pointer, detail, 'too_small');
  }
  const folded = foldPassword(password);
  if ([email, tenant.slug, tenant.name].some((known) => foldPassword(known) === folded)) {
    const detail = 'The password must not be the address or the name of the platform.';
    throw problemAt('password_compromised', pointer, detail, 'guessable');
  }
  if (leakedPasswords().has(password)) {
    const detail =
      'This password became known in a leak elsewhere, so attackers try it early. Please choose another one.';
    throw problemAt('password_compromised', pointer, detail, 'leaked');
  }
}
