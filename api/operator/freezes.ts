// Frozen wallets: why nothing may be spent, and an operator's word on it.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { freezeReasons, freezeWallet, liftFreeze } from '#shared/db/freezes.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import {
  type FreezeView,
  findWalletView,
  listFreezes,
  listFrozenWallets,
  type WalletView,
} from '#shared/db/wallet-views.ts';
import { lockWallet } from '#shared/db/wallets.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import { cleanText, problemAnswer } from '../routes/schemas.ts';
import { common, isId, json, listAnswers, listQuery, missing, toPage } from './listing.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { slugParam } from './tenants.ts';

const freezeSchema = z
  .object({
    cause: z.string().describe('What it hangs on, such as `dispute:<provider>:<ref>`'),
    reason: z.enum(freezeReasons),
    note: z.string().nullable(),
    createdAt: z.iso.datetime(),
    liftedAt: z.iso.datetime().nullable().describe('Null: it holds'),
  })
  .openapi('Freeze');

const walletSchema = z
  .object({
    id: z.uuid(),
    userId: z.uuid(),
    email: z.string().nullable(),
    currency: z.string(),
    balance: z.int(),
    debt: z.int(),
    frozenReason: z.string().nullable().describe('The weightiest of the reasons that hold'),
    freezes: z.array(freezeSchema),
  })
  .openapi('FrozenWallet');

export const freezeInput = z.strictObject({
  note: cleanText.trim().min(1).max(500).describe('Why; other operators read it, users do not'),
});

const walletParams = slugParam.extend({ walletId: z.string() });
const path = '/operator/tenants/{slug}/wallets/{walletId}/freezes';

const frozenRoute = createRoute({
  method: 'get',
  path: '/operator/tenants/{slug}/frozen-wallets',
  ...common,
  summary: 'List frozen wallets with the freezes that hold',
  request: { params: slugParam, query: listQuery },
  responses: listAnswers('A page, those of the newest users first', walletSchema),
});

const listRoute = createRoute({
  method: 'get',
  path,
  ...common,
  summary: 'List the freezes of a wallet, lifted ones too',
  request: { params: walletParams },
  responses: {
    200: { description: 'The wallet with all its freezes, those that hold first', ...json(walletSchema) },
    ...missing,
  },
});

const freezeRoute = createRoute({
  method: 'post',
  path,
  ...common,
  summary: 'Freeze a wallet',
  description: 'Nothing can be spent from it, and no purchase of it refunded, until every freeze is lifted.',
  request: { params: walletParams, body: { ...json(freezeInput), required: true } },
  responses: {
    201: { description: 'The freeze', ...json(freezeSchema) },
    ...missing,
    400: problemAnswer('malformed_request'),
    413: problemAnswer('payload_too_large'),
    415: problemAnswer('unsupported_media_type'),
    422: problemAnswer('invalid_input'),
  },
});

const liftRoute = createRoute({
  method: 'delete',
  path: `${path}/{cause}`,
  ...common,
  summary: 'Lift a freeze, whatever its reason',
  description: 'Old news do not set it again: only a new dispute, warning or debt does.',
  request: { params: walletParams.extend({ cause: z.string() }) },
  responses: { 204: { description: 'Lifted' }, ...missing },
});

function toFreeze(freeze: FreezeView): z.infer<typeof freezeSchema> {
  const { cause, reason, note, createdAt, liftedAt } = freeze;
  const times = { createdAt: createdAt.toISOString(), liftedAt: liftedAt?.toISOString() ?? null };
  return { cause, reason, note, ...times };
}

export interface FrozenWallet extends WalletView {
  freezes: FreezeView[];
}

function toWallet({ freezes, ...wallet }: FrozenWallet): z.infer<typeof walletSchema> {
  const { id, userId, email, currency, balance, debt, frozenReason } = wallet;
  return { id, userId, email, currency, balance, debt, frozenReason, freezes: freezes.map(toFreeze) };
}

const noSuchWallet = () => new Problem('not_found', { detail: 'The tenant has no such wallet.' });

/** A wallet with all its freezes. @throws Problem tenant_not_found, not_found */
export async function requireWallet(deps: ApiDeps, slug: string, walletId: string): Promise<FrozenWallet> {
  const tenant = await requireTenantRow(deps, slug);
  if (!isId(walletId)) throw noSuchWallet();
  return withTenant(deps.db.app, tenant.slug, async (tx) => {
    const wallet = await findWalletView(tx, walletId);
    if (!wallet) throw noSuchWallet();
    return { ...wallet, freezes: await listFreezes(tx, [walletId]) };
  });
}

/** A page of the wallets that are frozen now, with the freezes that hold. @throws Problem tenant_not_found */
export async function readFrozenWallets(
  deps: ApiDeps,
  slug: string,
  { cursor: after, limit }: z.infer<typeof listQuery>,
) {
  const tenant = await requireTenantRow(deps, slug);
  return withTenant(deps.db.app, tenant.slug, async (tx) => {
    const page = toPage(await listFrozenWallets(tx, { after, limit: limit + 1 }), limit);
    const ids = page.data.map((wallet) => wallet.id);
    const holding = (await listFreezes(tx, ids)).filter((each) => each.liftedAt === null);
    const data = page.data.map((wallet): FrozenWallet => {
      return { ...wallet, freezes: holding.filter((each) => each.walletId === wallet.id) };
    });
    return { ...page, data };
  });
}

/** Holds the wallet as settling does, so that no spend is decided on half of the change. */
async function onWallet<T>(
  deps: ApiDeps,
  slug: string,
  walletId: string,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const tenant = await requireTenantRow(deps, slug);
  if (!isId(walletId)) throw noSuchWallet();
  return withTenant(deps.db.app, tenant.slug, async (tx) => {
    if (!(await lockWallet(tx, walletId))) throw noSuchWallet();
    return work(tx);
  });
}

/** Freezes a wallet for a cause of its own. @throws Problem tenant_not_found, not_found */
export function freezeByHand(
  deps: ApiDeps,
  { slug, walletId, note, actor }: { slug: string; walletId: string; note: string; actor: string },
): Promise<FreezeView> {
  const freeze = { walletId, cause: `operator:${newId()}`, reason: 'operator' as const, note };
  return onWallet(deps, slug, walletId, async (tx) => {
    await freezeWallet(tx, freeze);
    // The note is free text about a person: it must be erasable, which the audit is not.
    const detail = { cause: freeze.cause, reason: freeze.reason };
    await insertAudit(tx, { tenant: slug, actor, action: 'wallet.frozen', target: walletId, detail });
    const made = (await listFreezes(tx, [walletId])).find((each) => each.cause === freeze.cause);
    if (!made) throw new Error('a freeze that was just set is not there');
    return made;
  });
}

/** Lifts one freeze. @throws Problem tenant_not_found, not_found: also when it is lifted already. */
export function liftByHand(
  deps: ApiDeps,
  { slug, walletId, cause, actor }: { slug: string; walletId: string; cause: string; actor: string },
): Promise<void> {
  const none = new Problem('not_found', {
    detail: 'The wallet has no such freeze, or it was lifted before.',
  });
  return onWallet(deps, slug, walletId, async (tx) => {
    // Postgres holds no NUL: such a cause is none.
    if (cause.includes('\0') || !(await liftFreeze(tx, walletId, cause))) throw none;
    const detail = { cause };
    await insertAudit(tx, { tenant: slug, actor, action: 'wallet.unfrozen', target: walletId, detail });
  });
}

export function freezeRoutes(deps: ApiDeps) {
  const app = createRouter();
  app.openapi(frozenRoute, async (c) => {
    const page = await readFrozenWallets(deps, c.req.param('slug'), c.req.valid('query'));
    return c.json({ ...page, data: page.data.map(toWallet) }, 200);
  });
  app.openapi(listRoute, async (c) => {
    const { slug, walletId } = c.req.valid('param');
    return c.json(toWallet(await requireWallet(deps, slug, walletId)), 200);
  });
  app.openapi(freezeRoute, async (c) => {
    const { slug, walletId } = c.req.valid('param');
    const { note } = c.req.valid('json');
    const freeze = await freezeByHand(deps, { slug, walletId, note, actor: operatorName(c, deps) });
    return c.json(toFreeze(freeze), 201);
  });
  app.openapi(liftRoute, async (c) => {
    await liftByHand(deps, { ...c.req.valid('param'), actor: operatorName(c, deps) });
    return c.body(null, 204);
  });
  return app;
}
