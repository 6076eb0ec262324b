// What a failed exchange with a provider means for the person who logs in: refused, or not answered.
import { AuthorizationResponseError, ResponseBodyError, WWWAuthenticateChallengeError } from 'openid-client';
import { Problem } from '#shared/contracts/problem.ts';
import { unavailable } from './provider-fetch.ts';

/** The answer was one, and does not prove who logs in: codes of the library. */
const refusals = new Set([
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED',
  'OAUTH_KEY_SELECTION_FAILED',
  'OAUTH_UNSUPPORTED_OPERATION',
]);

/** The person said no at the provider (RFC 6749 section 4.1.2.1). */
export function isDenial(error: unknown): boolean {
  return error instanceof AuthorizationResponseError && error.error === 'access_denied';
}

/** Our client is unknown there, or its secret is wrong: only the tenant's operator can mend that. */
export function isClientRefusal(error: unknown): boolean {
  if (error instanceof WWWAuthenticateChallengeError) return true;
  return error instanceof ResponseBodyError && /^(invalid|unauthorized)_client$/.test(error.error);
}

/** Causes are left behind on purpose: they hold whole answers, with tokens in them, and a log must not. */
const describe = (error: unknown) =>
  `${(error as { code?: unknown }).code}: ${error instanceof Error ? error.message : 'unknown'}`;

/** A Problem of our own fetch, which the library wraps. */
function problemIn(error: unknown): Problem | undefined {
  const inner = error instanceof Error ? error.cause : undefined;
  return [error, inner].find((each) => each instanceof Problem);
}

/** For what fails before anybody has proven or refused anything, such as discovery. */
export function toUnavailable(error: unknown): Problem {
  return problemIn(error) ?? unavailable(describe(error));
}

/** For whatever fails while a code is exchanged and its answer is checked. */
export function toOauthProblem(error: unknown): Problem {
  const refused =
    error instanceof AuthorizationResponseError ||
    error instanceof ResponseBodyError ||
    error instanceof WWWAuthenticateChallengeError ||
    isPlainRefusal(error) ||
    (refusals.has(String((error as { code?: unknown }).code)) && !isShapeless(error));
  if (problemIn(error) || !refused) return toUnavailable(error);
  return new Problem('oauth_failed', { internal: describe(error) });
}

/** A status of "your fault" in a form that the library does not read: Facebook's errors are objects. */
function isPlainRefusal(error: unknown): boolean {
  const answer = error instanceof Error ? error.cause : undefined;
  return answer instanceof Response && answer.status >= 400 && answer.status < 500;
}

/** JSON, but not an answer of a token endpoint: the library keeps the body beside what it misses in it. */
function isShapeless(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const detail = cause instanceof Error ? cause.cause : undefined;
  if (typeof detail !== 'object' || detail === null || !('body' in detail)) return false;
  const { body } = detail;
  return typeof body !== 'object' || body === null || !('access_token' in body);
}
