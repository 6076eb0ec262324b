// The only place where a failure becomes an HTTP answer (RFC 9457).
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ZodError } from 'zod';
import { type InputFault, Problem, type ProblemCode } from '#shared/contracts/problem.ts';
import { classifyFault } from '#shared/db/faults.ts';
import type { ApiEnv } from './context.ts';

/** Where the documentation of a code can be read; stable, so that clients may compare it. */
export function problemType(code: ProblemCode): string {
  return `https://coinlane.dev/problems/${code}`;
}

const byStatus: Record<number, ProblemCode> = {
  400: 'malformed_request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
};

/** What a caller gets to hear of any failure; an unknown one keeps its text to itself. */
function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof HTTPException) {
    // Those of 400 are thrown where a body is read, and only then.
    const detail = error.status === 400 ? { detail: 'The body is not JSON that can be read.' } : {};
    return new Problem(byStatus[error.status] ?? 'malformed_request', { ...detail, cause: error });
  }
  if (classifyFault(error) !== 'statement') {
    return new Problem('unavailable', { retryAfterSeconds: 2, cause: error });
  }
  return new Problem('internal_error', { cause: error });
}

/** Answers with application/problem+json and logs what the caller does not get to see. */
export function answerProblem(c: Context<ApiEnv>, error: unknown): Response {
  const problem = toProblem(error);
  const { log, requestId } = c.var;
  const { code, internal, cause } = problem;
  if (problem.status >= 500) log?.error({ requestId, err: cause ?? problem, code }, 'request failed');
  else log?.debug({ requestId, code, internal }, 'request refused');
  const headers: Record<string, string> = {
    ...problem.headers,
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
  };
  if (problem.retryAfterSeconds !== undefined) headers['retry-after'] = String(problem.retryAfterSeconds);
  const challenge = challengeOf(problem, c.req.header('authorization'));
  if (challenge !== undefined) headers['www-authenticate'] = challenge;
  const body = problemBody(problem, requestId ?? null);
  return c.body(body, problem.status as ContentfulStatusCode, headers);
}

/** A problem as JSON, whoever sends it (RFC 9457 section 3). */
export function problemBody(problem: Problem, requestId: string | null): string {
  return JSON.stringify({
    type: problemType(problem.code),
    title: problem.title,
    status: problem.status,
    detail: problem.detail ?? `${problem.title}.`,
    code: problem.code,
    requestId,
    ...(problem.faults === undefined ? {} : { errors: problem.faults }),
    ...problem.extensions,
  });
}

/** What is missing (RFC 6750 section 3): a credential, a better one than was sent, or a scope. */
function challengeOf({ code, status }: Problem, authorization: string | undefined): string | undefined {
  const realm = 'Bearer realm="coinlane"';
  if (code === 'insufficient_scope') return `${realm}, error="insufficient_scope"`;
  if (status !== 401) return undefined;
  return code === 'unauthenticated' && authorization ? `${realm}, error="invalid_token"` : realm;
}

/** A JSON pointer (RFC 6901) from a zod path. */
function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** All faults of an input at once, each with its place. Unknown fields are named one by one. */
export function inputProblem(error: ZodError, target: string): Problem {
  const faults: InputFault[] = error.issues.flatMap((issue) => {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : [undefined];
    return keys.map((key) => {
      const path = key === undefined ? issue.path : [...issue.path, key];
      return {
        pointer: target === 'json' ? pointerOf(path) : path.map(String).join('.'),
        code: issue.code === 'unrecognized_keys' ? 'unknown_field' : issue.code,
        detail: key === undefined ? issue.message : `Unknown field: "${key}"`,
      };
    });
  });
  // One place may break several rules of the same kind, such as the bounds of a type and of a field.
  const told = [...new Map(faults.map((fault) => [`${fault.pointer} ${fault.code}`, fault])).values()];
  const first = told[0];
  return new Problem('invalid_input', {
    detail: first ? `${first.pointer || '(body)'}: ${first.detail}` : 'The input is invalid.',
    faults: told,
  });
}

/** The hook that every OpenAPIHono of ours is given: invalid input is one kind of problem everywhere. */
export function refuseInvalidInput(result: { success: boolean; error?: unknown; target: string }): void {
  if (!result.success) throw inputProblem(result.error as ZodError, result.target);
}
