// What all routes have in common, in the document, by which users change their own account.

export const userSecurity: Record<string, string[]>[] = [{ user: [] }];

/** What a route for a logged-in user can answer, whatever it does. */
export const ownProblems = [
  'unauthenticated',
  'forbidden',
  'tenant_mismatch',
  'tenant_suspended',
  'address_refused',
  'rate_limited',
  'unavailable',
] as const;

/** What every route with a body can answer. */
export const bodyProblems = [
  'malformed_request',
  'payload_too_large',
  'unsupported_media_type',
  'invalid_input',
] as const;
