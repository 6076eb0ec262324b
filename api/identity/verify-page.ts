// The pages behind the links that verify an address, and the one of a link that is dead; they need no script.
import { html } from 'hono/html';
import type { Page } from '../pages/layout.ts';

/** The address is relative, so that it holds behind a proxy that adds a path. */
export function confirmPage(tenantName: string, token: string): Page {
  return {
    title: 'Confirm your address',
    main: html`<h1>Confirm your address</h1>
      <div class="card">
        <p>One click, and your e-mail address is confirmed at ${tenantName}.</p>
        <form method="post" action="verify-email">
          <input type="hidden" name="token" value="${token}" />
          <button type="submit">Confirm address</button>
        </form>
      </div>`,
  };
}

export function verifiedPage(tenantName: string): Page {
  return {
    title: 'Your address is confirmed',
    main: html`<h1>Your address is confirmed</h1>
      <div class="card"><p>You can close this page and go on at ${tenantName}.</p></div>`,
  };
}

export function deadLinkPage(): Page {
  return {
    title: 'This link does not work',
    status: 400,
    main: html`<h1>This link does not work</h1>
      <div class="card">
        <p>It was used already, is too old, was followed by a newer one, or was not copied whole.</p>
        <p>If you used it before, all is well. Otherwise ask for a new one.</p>
      </div>`,
  };
}
