// The two pieces of which the cards of the account page are made.
import { html } from 'hono/html';
import type { Markup } from './layout.ts';

/** A card whose content comes from the API: hidden until it is there. */
export function renderCard(id: string, title: string, content: Markup): Markup {
  return html`<section id="${id}" class="card" aria-labelledby="${id}-title">
    <h2 id="${id}-title" tabindex="-1">${title}</h2>
    <p id="${id}-loading" class="soft" role="status">Loading…</p>
    <div id="${id}-content" hidden>${content}</div>
  </section>`;
}

/** A field with the place where it is said what is wrong with it. */
export function renderField(id: string, label: string, attributes: Markup, hint = ''): Markup {
  return html`<div>
    <label for="${id}">${label}</label>
    <input id="${id}" ${attributes} aria-describedby="${id}-fault ${id}-hint" />
    <p id="${id}-fault" class="fault small" role="alert" hidden></p>
    <p id="${id}-hint" class="soft small" ${hint === '' ? 'hidden' : ''}>${hint}</p>
  </div>`;
}
