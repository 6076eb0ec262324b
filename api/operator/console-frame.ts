// What all pages of the console share: the navigation, where one is in a tenant, and how figures are written.
import type { Context } from 'hono';
import { html } from 'hono/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { type Markup, renderPage } from '../pages/layout.ts';
import { queuesPath } from './queues.ts';

export function renderNav(links: ApiDeps['consoleLinks']): Markup {
  const all = [{ label: 'Queues', href: queuesPath }, ...links, { label: 'API reference', href: '/docs' }];
  return html`<nav aria-label="Console" class="row">
    ${all.map(({ label, href }) => html`<a href="${href}">${label}</a>`)}
    <form method="post" action="/operator/logout"><button class="link" type="submit">Log out</button></form>
  </nav>`;
}

export const tenantPath = (slug: string, ...rest: string[]) =>
  ['/operator/console/tenants', slug, ...rest.map(encodeURIComponent)].join('/');

const sections = {
  '': 'Overview',
  purchases: 'Purchases',
  'held-operations': 'Held',
  'provider-events': 'Events',
  users: 'Users',
  wallets: 'Wallets',
  keys: 'Keys',
  'webhook-endpoints': 'Webhooks',
  audit: 'Audit',
};
export type Section = keyof typeof sections;

export interface TenantPage {
  slug: string;
  section: Section;
  /** What the page is about; the section's name where it is left out. */
  title?: string;
  notice?: { text: string; bad?: boolean };
  status?: ContentfulStatusCode;
  main: Markup;
}

/** A page about one tenant, with the way to its other pages. */
export function renderTenantPage(c: Context<ApiEnv>, deps: Pick<ApiDeps, 'consoleLinks'>, page: TenantPage) {
  const { slug, section, notice } = page;
  const title = page.title ?? sections[section];
  const tabs = Object.entries(sections).map(([name, label]) => {
    const href = name === '' ? tenantPath(slug) : tenantPath(slug, name);
    return html`<a href="${href}" ${name === section ? html`aria-current="page"` : ''}>${label}</a>`;
  });
  return renderPage(c, {
    title: `${title} · ${slug}`,
    status: page.status ?? 200,
    wide: true,
    home: '/operator/',
    nav: renderNav(deps.consoleLinks),
    main: html`<p class="small"><a href="/operator/">All tenants</a></p>
      <h1>${slug}</h1>
      <nav class="tabs" aria-label="Tenant ${slug}">${tabs}</nav>
      ${
        notice
          ? html`<div class="note ${notice.bad ? 'bad' : ''}" role="${notice.bad ? 'alert' : 'status'}">${notice.text}</div>`
          : ''
      }
      ${page.main}`,
  });
}

export function renderTime(time: Date): Markup {
  const iso = time.toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`;
}

export const count = (value: number) => new Intl.NumberFormat('en').format(value);

export const countOf = (value: number, one: string, many = `${one}s`) =>
  `${count(value)} ${value === 1 ? one : many}`;

/** `minor` in the minor unit of the currency (ISO 4217). */
export function money(minor: number, currency: string): string {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency, currencyDisplay: 'code' });
  return format.format(minor / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

const goodStatuses = new Set(['processed', 'granted', 'done', 'active', 'closed', 'enabled', 'delivered']);
const badStatuses = new Set([
  'failed',
  'forged',
  'review',
  'undeliverable',
  'open',
  'suspended',
  'frozen',
  'banned',
  'disabled',
]);

/** A state in a word, in the colour of what it asks of the reader. */
export function renderTag(status: string): Markup {
  const tone = goodStatuses.has(status) ? 'good' : badStatuses.has(status) ? 'bad' : '';
  return html`<span class="tag ${tone}">${status.replaceAll('_', ' ')}</span>`;
}

/** Drop-downs that narrow a list; they work without a script. */
export function renderFilters(
  filters: { name: string; label: string; options: readonly string[]; chosen?: string }[],
): Markup {
  return html`<form method="get" class="row filters">
    ${filters.map(
      ({ name, label, options, chosen }) => html`<div>
        <label for="filter-${name}">${label}</label>
        <select id="filter-${name}" name="${name}">
          <option value="">any</option>
          ${options.map(
            (each) =>
              html`<option value="${each}" ${each === chosen ? 'selected' : ''}>${each.replaceAll('_', ' ')}</option>`,
          )}
        </select>
      </div>`,
    )}
    <button class="quiet" type="submit">Show</button>
  </form>`;
}

/** Looks for one user or one wallet, by whatever an operator was told. */
export function renderFind(what: 'user' | 'wallet', find: string | undefined): Markup {
  return html`<section class="card" aria-labelledby="find-title">
    <h2 id="find-title">Find a ${what}</h2>
    <form method="get" class="row filters">
      <div class="grow">
        <label for="find">E-mail address, user id or wallet id</label>
        <input id="find" name="find" value="${find ?? ''}" required maxlength="254" autocomplete="off"
          autocapitalize="none" spellcheck="false" />
      </div>
      <button class="quiet" type="submit">Find</button>
    </form>
  </section>`;
}

/** The way to the lines after these, with the same filters. */
export function renderNext(cursor: string | null, filters: Record<string, string | undefined> = {}): Markup {
  if (cursor === null) return html``;
  const chosen = Object.entries(filters).filter((each): each is [string, string] => each[1] !== undefined);
  return html`<p><a href="?${new URLSearchParams([...chosen, ['cursor', cursor]]).toString()}">Next page</a></p>`;
}

/** A cell that names its column where a narrow screen shows no heads. */
export function cell(label: string, content: unknown): Markup {
  return html`<td data-label="${label}">${content}</td>`;
}
