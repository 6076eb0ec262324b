// How the console shows the inbox of providers' webhooks.
import { html } from 'hono/html';
import type { ProviderEventLine, ProviderEventWhole } from '#shared/db/inbox-views.ts';
import type { Markup } from '../pages/layout.ts';
import { cell, renderFilters, renderNext, renderTag, renderTime, tenantPath } from './console-frame.ts';
import { eventProviders, eventStatuses } from './inbox.ts';

interface EventList {
  slug: string;
  data: ProviderEventLine[];
  nextCursor: string | null;
  status?: string;
  provider?: string;
}

export function renderEvents({ slug, data, nextCursor, status, provider }: EventList): Markup {
  const empty =
    status || provider
      ? 'No event is like that.'
      : 'No provider has sent anything yet. Its webhooks appear here as they come.';
  const table = html`<table class="stack">
    <thead><tr><th>Event</th><th>Provider</th><th>Status</th><th>Received</th><th>Attempts</th><th>Why</th></tr></thead>
    <tbody>${data.map(
      (event) => html`<tr>
        ${cell('Event', html`<a href="${tenantPath(slug, 'provider-events', event.id)}">${event.kind}</a>`)}
        ${cell('Provider', event.provider)}
        ${cell('Status', renderTag(event.status))}
        ${cell('Received', renderTime(event.receivedAt))}
        ${cell('Attempts', event.attempts)}
        ${cell('Why', event.detail ?? '–')}
      </tr>`,
    )}</tbody>
  </table>`;
  return html`<section class="card" aria-labelledby="events">
    <h2 id="events">Provider events</h2>
    ${renderFilters([
      { name: 'status', label: 'Status', options: eventStatuses, chosen: status },
      { name: 'provider', label: 'Provider', options: eventProviders, chosen: provider },
    ])}
    ${data.length === 0 ? html`<p class="soft">${empty}</p>` : html`<div class="scroll">${table}</div>`}
    ${renderNext(nextCursor, { status, provider })}
  </section>`;
}

export function renderEvent(slug: string, event: ProviderEventWhole): Markup {
  const facts: [string, unknown][] = [
    ['Status', renderTag(event.status)],
    ['Why', event.detail ?? '–'],
    ['Provider', event.provider],
    ['Its id', html`<code>${event.eventId}</code>`],
    ['Received', renderTime(event.receivedAt)],
    ['Done', event.processedAt ? renderTime(event.processedAt) : '–'],
    ['Attempts', event.attempts],
  ];
  return html`<section class="card" aria-labelledby="event">
      <h2 id="event">${event.kind}</h2>
      <dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
      <div class="row">
        <form method="post" action="${tenantPath(slug, 'provider-events', event.id, 'replay')}">
          <button type="submit">Replay</button>
        </form>
        <a class="button quiet" href="${tenantPath(slug, 'provider-events', event.id)}">Look again</a>
      </div>
      <p class="soft small">A replay asks the provider anew, as when the event came. What is right already stays as it is.</p>
    </section>
    <section class="card" aria-labelledby="headers">
      <h2 id="headers">Headers</h2>
      <pre tabindex="0">${Object.entries(event.headers)
        .map(([name, value]) => `${name}: ${value}`)
        .join('\n')}</pre>
    </section>
    <section class="card" aria-labelledby="body">
      <h2 id="body">Body, as it came</h2>
      <pre tabindex="0">${event.body.toString('utf8')}</pre>
    </section>`;
}
