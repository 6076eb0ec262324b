// Answers with a statement in the form that was asked for, streamed; for callers and for operators.
import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { streamOf } from '../text-stream.ts';
import { type Issuer, openStatement, type Statement } from './statement.ts';
import { statementPolicy, toPage } from './statement-page.ts';
import { toCsv, toJson } from './statement-texts.ts';

export const statementQuery = z.object({
  from: z.iso.datetime({ offset: true }).optional().openapi({ description: 'From this time on, ISO 8601' }),
  to: z.iso
    .datetime({ offset: true })
    .optional()
    .openapi({ description: 'Before this time, ISO 8601; left out, or still to come: until now' }),
  format: z.enum(['json', 'csv', 'html']).default('json'),
});

const mediaTypes = {
  json: 'application/json',
  csv: 'text/csv; charset=utf-8',
  html: 'text/html; charset=utf-8',
};

/** @throws Problem before the first byte; what fails later breaks the stream off. */
export async function answerStatement(
  c: Context<ApiEnv>,
  deps: ApiDeps,
  { issuer, walletId }: { issuer: Issuer; walletId: string },
  { format, ...period }: z.output<typeof statementQuery>,
): Promise<Response> {
  const statement = await openStatement(deps, issuer, walletId, { from: period.from, to: period.to });
  const nonce = randomBytes(16).toString('base64');
  const pieces = { json: toJson, csv: toCsv, html: toPage }[format](deps, statement, nonce);
  c.header('Content-Type', mediaTypes[format]);
  c.header('X-Content-Type-Options', 'nosniff');
  c.header('Cache-Control', 'no-store');
  if (format === 'html') c.header('Content-Security-Policy', statementPolicy(nonce));
  if (format === 'csv') c.header('Content-Disposition', `attachment; filename="${nameOf(statement)}.csv"`);
  return c.body(streamOf(pieces));
}

const dayOf = (date: Date | null) => date?.toISOString().slice(0, 10) ?? 'start';
const nameOf = ({ tenant, from, to }: Statement) => `statement-${tenant}-${dayOf(from)}-${dayOf(to)}`;
