// All that is held about one user as one JSON file, read in one snapshot and sent as it is read.
import type { Services } from '#shared/boot/services.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { findUser } from '#shared/db/identity.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import { exportParts, findExportProfile, readExportPart } from '#shared/db/user-export.ts';
import { createTurnstile, type Send, streamText } from './paced-answer.ts';
import { noSuchUser } from './standing.ts';

export interface UserExports {
  /** @throws Problem user_not_found, overloaded when others are being exported. */
  start(tenant: string, userId: string, actor: string): Promise<Response>;
}

/** Each holds a connection for as long as its reader takes; the pool has others to serve. */
const atOnceMax = 2;

export function createUserExports({ db, log }: Pick<Services, 'db' | 'log'>): UserExports {
  const turnstile = createTurnstile(atOnceMax);
  return {
    async start(tenant, userId, actor) {
      const leave = turnstile.enter();
      try {
        await withTenant(db.app, tenant, async (tx) => {
          if (!(await findUser(tx, userId))) throw noSuchUser();
          await insertAudit(tx, { tenant, actor, action: 'user.export', target: userId });
        });
      } catch (error) {
        leave();
        throw error;
      }
      const read = async (send: Send) => {
        try {
          await withTenant(db.app, tenant, (tx) => writeExport(tx, tenant, userId, send), 'snapshot');
        } catch (error) {
          log.warn({ err: error, tenant, userId }, 'an export broke off');
          throw new Error('the export broke off');
        }
      };
      const name = `coinlane-${tenant}-${userId}.json`;
      return new Response(streamText(read, leave), {
        headers: {
          'Content-Type': 'application/json; charset=utf-8',
          'Content-Disposition': `attachment; filename="${name}"`,
          'X-Content-Type-Options': 'nosniff',
          'Cache-Control': 'no-store',
        },
      });
    },
  };
}

async function writeExport(tx: Tx, tenant: string, userId: string, send: Send): Promise<void> {
  const profile = await findExportProfile(tx, userId);
  if (profile === undefined) throw new Problem('user_not_found', { internal: 'it went while it was read' });
  const head = { format: 'coinlane-user-export-1', tenant, exportedAt: new Date().toISOString() };
  await send(`${JSON.stringify(head).slice(0, -1)},\n"profile": ${profile}`);
  for (const part of exportParts) {
    await send(`,\n${JSON.stringify(part.name)}: [`);
    let before = '\n';
    for await (const lines of readExportPart(tx, part, userId, tenant)) {
      await send(before + lines.join(',\n'));
      before = ',\n';
    }
    await send('\n]');
  }
  await send('\n}\n');
}
