// What operators and platforms can do to webhook endpoints: one implementation behind both doors.
import type { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { type Tx, withTransaction } from '#shared/db/pool.ts';
import { announceTenantChange, insertAudit, lockTenant } from '#shared/db/tenants.ts';
import {
  deleteEndpoint,
  type EndpointRow,
  expireWebhookSecrets,
  findEndpoint,
  insertEndpoint,
  listEndpoints,
  lockEndpoint,
  updateEndpoint,
} from '#shared/db/webhook-endpoints.ts';
import { newId } from '#shared/runtime/ids.ts';
import { addressPolicy, urlFault } from '#shared/tenants/webhook-address.ts';
import { createWebhookSecret } from '#shared/tenants/webhook-secrets.ts';
import type { ApiDeps } from '../context.ts';
import { isId } from '../operator/listing.ts';
import type { endpointChangeInput, newEndpointInput } from './views.ts';

/** Who acts, and for which tenant. */
export interface Acting {
  tenant: string;
  actor: string;
}

export interface EndpointAct extends Acting {
  id: string;
}

/** An endpoint with the only readable copy of its secret. */
export interface NewSecret {
  endpoint: EndpointRow;
  secret: string;
}

const endpointsMax = 20;

const noSuchEndpoint = () => new Problem('not_found', { detail: 'The tenant has no such webhook endpoint.' });

/** @throws Problem invalid_input */
function requireUrl({ config }: Pick<ApiDeps, 'config'>, url: string): void {
  const fault = urlFault(url, addressPolicy(config));
  if (fault === undefined) return;
  const faults = [{ pointer: '/url', code: 'invalid_url', detail: fault }];
  throw new Problem('invalid_input', { detail: `/url: ${fault}`, faults });
}

/** @throws Problem not_found */
export async function requireEndpoint(
  { db }: Pick<ApiDeps, 'db'>,
  tenant: string,
  id: string,
): Promise<EndpointRow> {
  const row = isId(id) ? await findEndpoint(db.app, tenant, id) : undefined;
  if (!row) throw noSuchEndpoint();
  return row;
}

/** @throws Problem not_found */
export async function lockedEndpoint(tx: Tx, { tenant, id }: EndpointAct): Promise<EndpointRow> {
  const row = isId(id) ? await lockEndpoint(tx, tenant, id) : undefined;
  if (!row) throw noSuchEndpoint();
  return row;
}

function audit(tx: Tx, { tenant, actor, id }: EndpointAct, verb: string, detail: object = {}): Promise<void> {
  return insertAudit(tx, { tenant, actor, action: `webhook_endpoint.${verb}`, target: id, detail });
}

/** The address of the endpoint, without what may be secret in its path and query. */
const hostOf = (url: string) => new URL(url).host;

/** @throws Problem invalid_input, webhook_state when the tenant has too many */
export async function createEndpoint(
  deps: ApiDeps,
  acting: Acting,
  input: z.infer<typeof newEndpointInput>,
): Promise<NewSecret> {
  requireUrl(deps, input.url);
  const { tenant } = acting;
  const id = newId();
  const secret = await withTransaction(deps.db.app, async (tx) => {
    // Two that are made at the same moment count each other.
    await lockTenant(tx, tenant);
    if ((await listEndpoints(tx, tenant)).length >= endpointsMax) {
      throw new Problem('webhook_state', { detail: `A tenant has at most ${endpointsMax} endpoints.` });
    }
    await insertEndpoint(tx, { id, tenant, ...input });
    await audit(tx, { ...acting, id }, 'create', { host: hostOf(input.url), eventTypes: input.eventTypes });
    await announceTenantChange(tx, tenant);
    return createWebhookSecret(tx, deps.keyring, tenant, id);
  });
  deps.tenants.forget(tenant);
  return { endpoint: await requireEndpoint(deps, tenant, id), secret };
}

/** @throws Problem not_found, invalid_input */
export async function changeEndpoint(
  deps: ApiDeps,
  act: EndpointAct,
  change: z.infer<typeof endpointChangeInput>,
): Promise<EndpointRow> {
  if (change.url !== undefined) requireUrl(deps, change.url);
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  await withTransaction(deps.db.app, async (tx) => {
    const row = await lockedEndpoint(tx, act);
    const fields = Object.keys(given);
    if (fields.length === 0) return;
    const next = { ...row, ...given };
    const byHand = row.disabledReason ?? 'by_hand';
    await updateEndpoint(tx, { ...next, disabledReason: next.status === 'disabled' ? byHand : null });
    const host = change.url === undefined ? {} : { host: hostOf(change.url) };
    const status = change.status === undefined ? {} : { status: change.status };
    await audit(tx, act, 'change', { fields, ...host, ...status });
    await announceTenantChange(tx, act.tenant);
  });
  deps.tenants.forget(act.tenant);
  return requireEndpoint(deps, act.tenant, act.id);
}

/**
 * Makes a secret that signs from now on. The one before signs too for `overlapSeconds`, so that the receiver
 * can change at its own moment; the one before that signs no more. @throws Problem not_found
 */
export async function rotateWebhookSecret(
  deps: ApiDeps,
  act: EndpointAct,
  overlapSeconds: number,
): Promise<NewSecret> {
  const secret = await withTransaction(deps.db.app, async (tx) => {
    await lockedEndpoint(tx, act);
    await expireWebhookSecrets(tx, act.id, overlapSeconds);
    await audit(tx, act, 'rotate', { overlapSeconds });
    return createWebhookSecret(tx, deps.keyring, act.tenant, act.id);
  });
  return { endpoint: await requireEndpoint(deps, act.tenant, act.id), secret };
}

/** What waits for it is not sent any more, and its log is gone. @throws Problem not_found */
export async function removeEndpoint(deps: ApiDeps, act: EndpointAct): Promise<void> {
  await withTransaction(deps.db.app, async (tx) => {
    const { url } = await lockedEndpoint(tx, act);
    await deleteEndpoint(tx, act.tenant, act.id);
    await audit(tx, act, 'delete', { host: hostOf(url) });
    await announceTenantChange(tx, act.tenant);
  });
  deps.tenants.forget(act.tenant);
}
