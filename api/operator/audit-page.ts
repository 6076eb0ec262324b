// How the console shows the audit log: who did what to whom, and when.
import { html } from 'hono/html';
import type { Markup } from '../pages/layout.ts';
import type { AuditLineView } from './audit.ts';
import { cell, renderNext, renderTime } from './console-frame.ts';

interface AuditList {
  data: AuditLineView[];
  nextCursor: string | null;
  filters: { action: string | undefined; actor: string | undefined; target: string | undefined };
}

const fields = [
  ['action', 'Action begins with', 'user.'],
  ['actor', 'Actor begins with', 'operator:'],
  ['target', 'Done to', 'an id'],
] as const;

export function renderAudit({ data, nextCursor, filters }: AuditList): Markup {
  const narrowed = Object.values(filters).some((value) => value !== undefined);
  const table = html`<table class="stack">
    <thead><tr><th>Action</th><th>Time</th><th>By</th><th>Done to</th><th>Details</th></tr></thead>
    <tbody>${data.map(
      (line) => html`<tr>
        ${cell('Action', html`<strong>${line.action}</strong>`)}
        ${cell('Time', renderTime(line.at))}
        ${cell('By', line.actor)}
        ${cell('Done to', line.target === null ? '–' : html`<code>${line.target}</code>`)}
        ${cell('Details', renderDetail(line.detail))}
      </tr>`,
    )}</tbody>
  </table>`;
  return html`<section class="card" aria-labelledby="audit">
    <h2 id="audit">Audit, newest first</h2>
    <form method="get" class="row filters">
      ${fields.map(
        ([name, label, hint]) => html`<div class="grow">
          <label for="filter-${name}">${label}</label>
          <input id="filter-${name}" name="${name}" value="${filters[name] ?? ''}" placeholder="${hint}"
            maxlength="200" autocomplete="off" autocapitalize="none" spellcheck="false" />
        </div>`,
      )}
      <button class="quiet" type="submit">Show</button>
    </form>
    ${
      data.length === 0
        ? html`<p class="soft">${narrowed ? 'Nothing is like that.' : 'Nothing was done yet.'}</p>`
        : html`<div class="scroll">${table}</div>`
    }
    ${renderNext(nextCursor, filters)}
    <p class="soft small">Lines can be neither changed nor deleted. They hold no personal data and no secrets.</p>
  </section>`;
}

/** Short facts read best as such; the rest is for those who know the form. */
function renderDetail(detail: Record<string, unknown>): Markup {
  const text = Object.entries(detail)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
  return text === '' ? html`–` : html`<span class="small">${text}</span>`;
}
