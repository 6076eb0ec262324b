// The pages behind the link of the mail that changes an account's address; they need no script.
import { html } from 'hono/html';
import type { Page } from '../pages/layout.ts';

/** Addresses of actions are relative, as on the page that verifies. */
export function confirmChangePage(tenantName: string, email: string, token: string): Page {
  return {
    title: 'Confirm your new address',
    main: html`<h1>Confirm your new address</h1>
      <div class="card">
        <p>From now on your account at ${tenantName} has the address <strong>${email}</strong>.</p>
        <p class="soft">You log in with it, and mail goes there. Your other devices are logged out.</p>
        <form method="post" action="change-email">
          <input type="hidden" name="token" value="${token}" />
          <button type="submit">Use this address</button>
        </form>
      </div>`,
  };
}

export function changedPage(tenantName: string): Page {
  return {
    title: 'Your address is changed',
    main: html`<h1>Your address is changed</h1>
      <div class="card"><p>You can close this page and go on at ${tenantName}.</p></div>`,
  };
}
