// How the console shows operations that wait for an operator, each with the two ways on.
import { html } from 'hono/html';
import type { HeldView } from '#shared/db/held-operations.ts';
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import type { Markup } from '../pages/layout.ts';
import type { createRouter } from '../routes/router.ts';
import { cell, countOf, money, renderNext, renderTime, tenantPath } from './console-frame.ts';
import { decideHeld, type HeldDecision, heldDecisionInput, readHeldOperations } from './held-operations.ts';
import { isId } from './listing.ts';
import { type Pages, param, read, tenantBase } from './tenant-frame.ts';

interface HeldList {
  slug: string;
  data: HeldView[];
  nextCursor: string | null;
}

function renderHeld({ slug, data, nextCursor }: HeldList): Markup {
  const table = html`<table class="stack">
    <thead><tr><th>Operation</th><th>Wallet of</th><th>Held because</th><th>Your decision</th></tr></thead>
    <tbody>${data.map((held) => renderLine(slug, held))}</tbody>
  </table>`;
  return html`<section class="card" aria-labelledby="held">
    <h2 id="held">Held for review</h2>
    ${
      data.length === 0
        ? html`<p class="soft">Nothing waits for you. Rules of velocity with the action “review” hold operations
            here.</p>`
        : html`<p class="soft">A released operation is settled like any other, behind those that came before your
            decision. Either way it is final.</p>
          <div class="scroll">${table}</div>`
    }
    ${renderNext(nextCursor)}
  </section>`;
}

function renderLine(slug: string, held: HeldView): Markup {
  const { kind, amount, provider, price, currency, email, userId, walletId } = held;
  const coins = amount === null ? 'all that is left' : countOf(amount, 'coin');
  const cost = price !== null && currency !== null ? ` for ${money(price, currency)} by ${provider}` : '';
  return html`<tr>
    ${cell(
      'Operation',
      html`<span class="what">${kind} of ${coins}${cost}</span><br />
        <span class="soft small">${renderTime(held.createdAt)}${held.reference ? `, ${held.reference}` : ''}</span>`,
    )}
    ${cell('Wallet of', html`<a href="${tenantPath(slug, 'wallets', walletId)}">${email ?? userId}</a>`)}
    ${cell('Held because', held.heldFor)}
    ${cell(
      'Your decision',
      html`<div class="row">${renderChoice(slug, held, 'release')} ${renderChoice(slug, held, 'refuse')}</div>`,
    )}
  </tr>`;
}

const labels: Record<HeldDecision, { text: string; style: string }> = {
  release: { text: 'Release', style: 'small' },
  refuse: { text: 'Refuse', style: 'small quiet' },
};

function renderChoice(slug: string, { id, kind }: HeldView, decision: HeldDecision): Markup {
  const { text, style } = labels[decision];
  return html`<form method="post" action="${tenantPath(slug, 'held-operations', id, 'decision')}">
    <input type="hidden" name="decision" value="${decision}" />
    <button class="${style}" type="submit" aria-label="${text} this ${kind}">${text}</button>
  </form>`;
}

export function addHeldPages(
  app: ReturnType<typeof createRouter>,
  deps: ApiDeps,
  { page, show }: Pages,
): void {
  const base = `${tenantBase}/held-operations` as const;
  app.get(
    base,
    page('held-operations', async (c) => {
      const slug = param(c, 'slug');
      const { cursor } = c.req.query();
      const wanted = cursor !== undefined && isId(cursor) ? cursor : undefined;
      const list = await readHeldOperations(deps, slug, { cursor: wanted, limit: 20 });
      return show(c, 'held-operations', renderHeld({ slug, ...list }));
    }),
  );
  app.post(
    `${base}/:operationId/decision`,
    page('held-operations', async (c) => {
      const [slug, operationId] = [param(c, 'slug'), param(c, 'operationId')];
      const { decision } = read(heldDecisionInput, await c.req.parseBody());
      await decideHeld(deps, { slug, operationId, decision, actor: operatorName(c, deps) });
      return c.redirect(`${tenantPath(slug, 'held-operations')}?done=${decision}d`, 303);
    }),
  );
}
