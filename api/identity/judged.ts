// Tells the limiter how a counted login ended, also when a right password does not open a session.
import { Problem } from '#shared/contracts/problem.ts';
import type { LoginAttempt } from '../limits/limits.ts';

/** The password was not looked at: that was no guess. */
const unseen = new Set<string>(['overloaded', 'unavailable']);

/**
 * Runs the login that an attempt was counted for. Whatever else is refused, such as a missing second factor or
 * a blocked account, is refused after the password was right, so its count is given back: codes have their own.
 */
export async function judged<T>(attempt: LoginAttempt, work: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    if (!(error instanceof Problem) || unseen.has(error.code)) await attempt.abandoned();
    else if (error.code !== 'invalid_credentials') await attempt.succeeded();
    throw error;
  }
  await attempt.succeeded();
  return result;
}
