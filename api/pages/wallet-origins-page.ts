// The part of the hosted wallet that says where coins come from, before its script has filled it in.
import { html } from 'hono/html';
import type { Markup } from './layout.ts';
import { renderSay } from './wallet-sign-in-page.ts';

export function renderOrigins(): Markup {
  return html`<section class="card" aria-labelledby="coins-title">
    <h2 id="coins-title">Where your coins come from</h2>
    <p id="coins-none" class="soft">There are none yet.</p>
    <ul id="coins-list" class="list"></ul>
    <p id="coins-rest" class="soft"></p>
    <template id="coins-line">
      <li>
        <span class="what"><span data-part="kind"></span><span data-part="reference"></span><br />
          <span class="soft small"><time data-part="time"></time><span data-part="notes"></span></span></span>
        <span class="figures"><span data-part="coins" class="amount"></span><br />
          <span data-part="cost" class="soft small"></span></span>
      </li>
    </template>
    <form id="statement" class="row filters">
      ${renderSay('statement')}
      <div><label for="statement-from">Statement from</label><input id="statement-from" name="from" type="date" /></div>
      <div><label for="statement-to">before</label><input id="statement-to" name="to" type="date" /></div>
      <button class="quiet" type="submit" name="format" value="html">To print</button>
      <button class="quiet" type="submit" name="format" value="csv">As a table</button>
    </form>
  </section>`;
}
