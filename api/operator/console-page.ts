// How the console looks: one page with the health of the process, the tenants, and what was just done.
import type { Context } from 'hono';
import { html } from 'hono/html';
import type { InputFault } from '#shared/contracts/problem.ts';
import type { IntegrityReport } from '#shared/db/integrity.ts';
import type { TenantRow } from '#shared/db/tenants.ts';
import type { ApiEnv } from '../context.ts';
import { type Markup, renderPage } from '../pages/layout.ts';
import { count, countOf, renderNav, tenantPath } from './console-frame.ts';

export type ConsoleNotice =
  | { kind: 'created'; slug: string; secretKey: string }
  | { kind: 'integrity'; slug: string; report: IntegrityReport }
  | { kind: 'done'; text: string }
  | { kind: 'problem'; title: string; detail: string | undefined; faults: InputFault[] };

export interface HealthFacts {
  /** Undefined: it did not answer. */
  postgresMs: number | undefined;
  queues: 'Postgres' | 'Redis';
  /** Undefined: the queues did not answer. */
  waiting: number | undefined;
  active: number | undefined;
  failed: number | undefined;
  uptimeSeconds: number;
  memoryBytes: number;
}

export interface Home {
  links: { label: string; href: string }[];
  tenants: TenantRow[];
  /** The cursor of the next page. */
  after: string | null;
  facts: HealthFacts;
  status?: 200 | 201 | 404 | 409 | 422;
  notice?: ConsoleNotice;
  typed?: Record<string, string>;
}

export function renderHome(c: Context<ApiEnv>, home: Home) {
  return renderPage(c, {
    title: 'Operator console',
    status: home.status ?? 200,
    wide: true,
    home: '/operator/',
    nav: renderNav(home.links),
    main: html`<h1>Operator console</h1>
      ${home.notice ? renderNotice(home.notice) : ''}
      ${renderFacts(home.facts)}
      ${renderTenants(home)}
      ${renderNewTenant(home.typed ?? {})}`,
  });
}

function renderNotice(notice: ConsoleNotice): Markup {
  switch (notice.kind) {
    case 'created':
      return html`<div class="note" role="status">
        <p><strong>Tenant ${notice.slug} is ready.</strong> This is its secret key. Copy it now: it is not shown again.</p>
        <label for="secret">Secret key of ${notice.slug}</label>
        <input id="secret" class="secret" readonly autofocus value="${notice.secretKey}" />
        <p><a href="/w/${notice.slug}">Open its wallet page</a></p>
      </div>`;
    case 'integrity':
      return renderIntegrity(notice.slug, notice.report);
    case 'done':
      return html`<div class="note" role="status">${notice.text}</div>`;
    case 'problem':
      return html`<div class="note bad" role="alert">
        <p><strong>${notice.title}.</strong> ${notice.faults.length > 0 ? '' : (notice.detail ?? '')}</p>
        ${notice.faults.map((fault) => html`<p>${fault.pointer.slice(1)}: ${fault.detail}</p>`)}
      </div>`;
  }
}

function renderIntegrity(
  slug: string,
  { ok, wallets, entries, operations, differences }: IntegrityReport,
): Markup {
  const checked = `${countOf(wallets, 'wallet')}, ${countOf(entries, 'entry', 'entries')} and ${countOf(operations, 'operation')}`;
  if (ok) {
    return html`<div class="note" role="status">
      <strong>The books of ${slug} are in order.</strong> Every balance follows from the entries: ${checked} checked.
    </div>`;
  }
  return html`<div class="note bad" role="alert">
    <p><strong>The books of ${slug} have differences.</strong> ${checked} checked.</p>
    <div class="scroll"><table>
      <thead><tr><th>Check</th><th>Where</th><th>Expected</th><th>Found</th></tr></thead>
      <tbody>${differences.map(
        (each) => html`<tr><td>${each.check}</td><td><code>${each.id}</code></td>
          <td>${each.expected}</td><td>${each.found}</td></tr>`,
      )}</tbody>
    </table></div>
  </div>`;
}

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

function renderFacts(facts: HealthFacts): Markup {
  const queues = facts.waiting === undefined ? `${facts.queues}: no answer` : facts.queues;
  const shown: [string, string][] = [
    ['Postgres', facts.postgresMs === undefined ? 'no answer' : `${facts.postgresMs.toFixed(1)} ms`],
    ['Queues in', queues],
    ['Jobs waiting', facts.waiting === undefined ? '–' : count(facts.waiting)],
    ['Jobs active', facts.active === undefined ? '–' : count(facts.active)],
    ['Jobs failed', facts.failed === undefined ? '–' : count(facts.failed)],
    ['Up for', duration(facts.uptimeSeconds)],
    ['Memory', `${Math.round(facts.memoryBytes / 2 ** 20)} MiB`],
  ];
  return html`<section class="card" aria-labelledby="health">
    <h2 id="health">Health</h2>
    <dl class="facts">${shown.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
  </section>`;
}

function renderTenants({ tenants, after }: Home): Markup {
  const body =
    tenants.length === 0
      ? html`<p class="soft">There are no tenants here yet. Create one below.</p>`
      : html`<table class="stack">
          <thead><tr><th>Tenant</th><th>Coin</th><th>Status</th><th>Created</th><th>Actions</th></tr></thead>
          <tbody>${tenants.map(renderTenant)}</tbody>
        </table>`;
  return html`<section class="card" aria-labelledby="tenants">
    <h2 id="tenants">Tenants</h2>
    <div class="scroll">${body}</div>
    ${after ? html`<p><a href="/operator/?after=${encodeURIComponent(after)}">Next page</a></p>` : ''}
  </section>`;
}

function renderTenant(row: TenantRow): Markup {
  const change = row.status === 'active' ? 'suspend' : 'resume';
  const label = change === 'suspend' ? 'Suspend' : 'Resume';
  const of = html`<span class="unseen"> of ${row.slug}</span>`;
  return html`<tr>
    <td><strong><a href="${tenantPath(row.slug)}">${row.name}</a></strong><br /><code>${row.slug}</code></td>
    <td>${row.coin.name}</td>
    <td><span class="tag ${row.status === 'active' ? 'good' : 'bad'}">${row.status}</span></td>
    <td>${row.createdAt.toISOString().slice(0, 10)}</td>
    <td><div class="row">
      <a class="button quiet small" href="/w/${row.slug}">Wallet${of}</a>
      <form method="get" action="/operator/">
        <input type="hidden" name="integrity" value="${row.slug}" />
        <button class="quiet small" type="submit">Check books${of}</button>
      </form>
      <form method="post" action="/operator/console/tenants/${row.slug}/${change}">
        <button class="quiet small" type="submit">${label}${of}</button>
      </form>
    </div></td>
  </tr>`;
}

function renderNewTenant(typed: Record<string, string>): Markup {
  const field = (name: string, label: string, hint: string, required = false) => html`<div>
    <label for="${name}">${label}</label>
    <input id="${name}" name="${name}" value="${typed[name] ?? ''}" placeholder="${hint}" autocomplete="off"
      ${required ? 'required' : ''} />
  </div>`;
  return html`<section class="card" aria-labelledby="new-tenant">
    <h2 id="new-tenant">New tenant</h2>
    <form class="grid" method="post" action="/operator/console/tenants">
      <div class="grid pair">
        ${field('slug', 'Slug, which stays for good', 'acme', true)} ${field('name', 'Name', 'Acme Games', true)}
      </div>
      <details ${typed.coinCode ? 'open' : ''}>
        <summary>A coin of its own</summary>
        <div class="grid pair">
          ${field('coinCode', 'Coin code', 'GEM')} ${field('coinName', 'Coin name', 'Gem')}
          ${field('coinSymbol', 'Coin symbol', '💎')}
        </div>
      </details>
      <div><button type="submit">Create the tenant</button></div>
    </form>
  </section>`;
}
