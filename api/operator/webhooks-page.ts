// How the console shows a tenant's webhook endpoints, the log of one, and one delivery.
import { html } from 'hono/html';
import { type DeliveryAttempt, messageName, testType, webhookTypes } from '#shared/contracts/webhooks.ts';
import type { EndpointRow } from '#shared/db/webhook-endpoints.ts';
import type { DeliveryLine, DeliveryWhole } from '#shared/db/webhook-views.ts';
import type { Markup } from '../pages/layout.ts';
import type { NewSecret } from '../webhook-endpoints/acts.ts';
import { deliveryStatuses } from '../webhook-endpoints/views.ts';
import { cell, renderFilters, renderNext, renderTag, renderTime, tenantPath } from './console-frame.ts';

const section = 'webhook-endpoints';
const allTypes = [...webhookTypes, testType];
const typesOf = ({ eventTypes }: EndpointRow) =>
  eventTypes.length === 0 ? 'all events' : eventTypes.join(', ');
const reasons: Record<string, string> = { gone: 'it answered 410', by_hand: 'by hand' };

export function renderEndpoints(slug: string, endpoints: EndpointRow[], made?: NewSecret): Markup {
  return html`${made ? renderMade(made) : ''}
    <section class="card" aria-labelledby="endpoints">
      <h2 id="endpoints">Webhook endpoints</h2>
      ${
        endpoints.length === 0
          ? html`<p class="soft">Nobody is told of anything yet.</p>`
          : html`<ul class="list">${endpoints.map((endpoint) => renderLine(slug, endpoint))}</ul>`
      }
    </section>
    ${renderNew(slug)}`;
}

function renderMade({ endpoint, secret }: NewSecret): Markup {
  return html`<div class="note" role="status">
    <p><strong>${endpoint.url} is ready.</strong> This is its secret. Copy it now: it is not shown again.</p>
    <label for="secret">Webhook secret</label>
    <input id="secret" class="secret" readonly autofocus value="${secret}" />
  </div>`;
}

function renderLine(slug: string, endpoint: EndpointRow): Markup {
  return html`<li>
    <span class="what"><a href="${tenantPath(slug, section, endpoint.id)}">${endpoint.url}</a><br />
      <span class="soft small">${endpoint.description ? html`${endpoint.description}<br />` : ''}${typesOf(endpoint)}</span></span>
    ${renderTag(endpoint.status)}
  </li>`;
}

function renderNew(slug: string): Markup {
  return html`<section class="card" aria-labelledby="new-endpoint">
    <h2 id="new-endpoint">New endpoint</h2>
    <form class="grid" method="post" action="${tenantPath(slug, section)}">
      <div>
        <label for="url">Address</label>
        <input id="url" name="url" type="url" placeholder="https://" required maxlength="2000" autocomplete="off" />
      </div>
      <div>
        <label for="description">Description</label>
        <input id="description" name="description" maxlength="200" autocomplete="off" />
      </div>
      <fieldset>
        <legend>Events (none chosen: all)</legend>
        <div class="row">${webhookTypes.map(
          (type) =>
            html`<label class="choice"><input type="checkbox" name="eventTypes" value="${type}" /> ${type}</label>`,
        )}</div>
      </fieldset>
      <div><button type="submit">Create the endpoint</button></div>
    </form>
  </section>`;
}

interface EndpointPage {
  slug: string;
  endpoint: EndpointRow;
  data: DeliveryLine[];
  nextCursor: string | null;
  status?: string | undefined;
  type?: string | undefined;
}

export function renderEndpoint({ slug, endpoint, data, nextCursor, status, type }: EndpointPage): Markup {
  const path = (...rest: string[]) => tenantPath(slug, section, endpoint.id, ...rest);
  const button = (act: string, label: string, fields: Markup | string = '') =>
    html`<form method="post" action="${path(act)}">${fields}<button class="quiet" type="submit">${label}</button></form>`;
  const enabled = endpoint.status === 'enabled';
  const facts: [string, unknown][] = [
    ['Status', renderTag(endpoint.status)],
    ...(endpoint.disabledAt
      ? [
          [
            'Disabled',
            html`${renderTime(endpoint.disabledAt)}, ${reasons[endpoint.disabledReason ?? ''] ?? ''}`,
          ] as [string, unknown],
        ]
      : []),
    ['Events', typesOf(endpoint)],
    ['Made', renderTime(endpoint.createdAt)],
  ];
  const next = enabled ? 'disabled' : 'enabled';
  return html`<section class="card" aria-labelledby="endpoint">
      <h2 id="endpoint">${endpoint.url}</h2>
      <dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
      <div class="row">
        ${enabled ? button('test', 'Send a test') : ''}
        ${enabled ? button('replay', 'Try again what failed') : ''}
        ${button('change', enabled ? 'Disable' : 'Enable', html`<input type="hidden" name="status" value="${next}" />`)}
        ${button('rotate', 'New secret (both sign for a day)', html`<input type="hidden" name="overlapSeconds" value="86400" />`)}
        ${button('delete', 'Delete')}
      </div>
    </section>
    <section class="card" aria-labelledby="deliveries">
      <h2 id="deliveries">Deliveries of the last 30 days</h2>
      ${renderFilters([
        { name: 'status', label: 'Status', options: deliveryStatuses, chosen: status },
        { name: 'type', label: 'Type', options: allTypes, chosen: type },
      ])}
      ${data.length === 0 ? html`<p class="soft">There is none.</p>` : renderLog(slug, data)}
      ${renderNext(nextCursor, { status, type })}
    </section>`;
}

function renderLog(slug: string, data: DeliveryLine[]): Markup {
  return html`<div class="scroll"><table class="stack">
    <thead><tr><th>Event</th><th>Status</th><th>Since</th><th>Attempts</th><th>Last answer</th></tr></thead>
    <tbody>${data.map((line) => {
      const path = tenantPath(slug, section, line.endpointId, 'deliveries', line.id);
      return html`<tr>
        ${cell('Event', html`<a href="${path}">${line.type}</a>`)}
        ${cell('Status', renderTag(line.status))}
        ${cell('Since', renderTime(line.createdAt))}
        ${cell('Attempts', line.attempts)}
        ${cell('Last answer', line.last ? renderAnswer(line.last) : '–')}
      </tr>`;
    })}</tbody>
  </table></div>`;
}

const renderAnswer = ({ code, detail, ms }: DeliveryAttempt) => `${detail ?? code ?? ''} (${ms} ms)`;

export function renderDelivery(slug: string, delivery: DeliveryWhole): Markup {
  const { id, endpointId, type, status, messageId, nextAt } = delivery;
  const facts: [string, unknown][] = [
    ['Status', renderTag(status)],
    ['webhook-id', html`<code>${messageName(messageId)}</code>`],
    ['Since', renderTime(delivery.createdAt)],
    ...(nextAt ? [['Next attempt', renderTime(nextAt)] as [string, unknown]] : []),
  ];
  const path = tenantPath(slug, section, endpointId);
  return html`<section class="card" aria-labelledby="delivery">
      <h2 id="delivery">${type}</h2>
      <dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
      <div class="row">
        <form method="post" action="${path}/deliveries/${id}/replay"><button type="submit">Send it again</button></form>
        <a class="button quiet" href="${path}">All deliveries</a>
      </div>
    </section>
    <section class="card" aria-labelledby="attempts">
      <h2 id="attempts">Attempts</h2>
      ${
        delivery.log.length === 0
          ? html`<p class="soft">None yet.</p>`
          : html`<ol class="list">${delivery.log.map(
              (made) => html`<li>${renderTime(new Date(made.at))} ${renderAnswer(made)}</li>`,
            )}</ol>`
      }
    </section>
    <section class="card" aria-labelledby="payload">
      <h2 id="payload">Body, as it is signed</h2>
      <pre tabindex="0">${delivery.payload}</pre>
    </section>`;
}
