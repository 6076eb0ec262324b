// How the OpenAPI document names the refusals of a route: one entry per status, with its codes.
import { type ProblemCode, problemStatus } from '#shared/contracts/problem.ts';
import { problemAnswer, problemHeaders } from './schemas.ts';

/** The `responses` of a route for the problems it names, grouped by status. */
export function problemResponses(...codes: ProblemCode[]): Record<string, ReturnType<typeof problemAnswer>> {
  const byStatus = Map.groupBy(codes, problemStatus);
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => [
      String(status),
      {
        ...problemAnswer(same.map((code) => `\`${code}\``).join(', ')),
        ...(problemHeaders[status] && { headers: problemHeaders[status] }),
      },
    ]),
  );
}
