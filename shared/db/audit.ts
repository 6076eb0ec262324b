// Statements that read the audit log; what writes it is insertAudit in tenants.ts, and nothing changes it.
import type { Queryable } from './pool.ts';

export interface AuditLine {
  /** Grows with time. */
  id: number;
  at: Date;
  actor: string;
  action: string;
  target: string | null;
  detail: Record<string, unknown>;
}

export interface AuditFilter {
  /** What the action begins with, such as `user.` or `key.rotate`. */
  action: string | undefined;
  /** What the actor begins with, such as `user:` or `operator:token`. */
  actor: string | undefined;
  target: string | undefined;
  /** The line that the page before ended with. */
  after: number | undefined;
  limit: number;
}

/** A tenant's lines, the newest first. */
export async function listAudit(db: Queryable, tenant: string, filter: AuditFilter): Promise<AuditLine[]> {
  const result = await db.query<AuditLine>(
    `select id, at, actor, action, target, detail from coinlane.audit
     where tenant = $1 and ($2::text is null or starts_with(action, $2)) and ($3::text is null or starts_with(actor, $3))
       and ($4::text is null or target = $4) and ($5::bigint is null or id < $5)
     order by id desc limit $6`,
    [
      tenant,
      filter.action ?? null,
      filter.actor ?? null,
      filter.target ?? null,
      filter.after ?? null,
      filter.limit,
    ],
  );
  return result.rows;
}
