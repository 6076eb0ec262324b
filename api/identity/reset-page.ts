// The pages behind the link of the mail that sets a new password; they need no script.
import { html } from 'hono/html';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { Page } from '../pages/layout.ts';

/** `fault`: why the password that was sent is not taken. All addresses are relative, as on the page that verifies. */
export function newPasswordPage(tenant: Tenant, token: string, fault?: string): Page {
  const hint = `At least ${tenant.settings.passwordLengthMin} characters, of any kind. A few words are good.`;
  return {
    title: 'Choose a new password',
    ...(fault === undefined ? {} : { status: 422 }),
    main: html`<h1>Choose a new password</h1>
      <div class="card">
        <p>For your account at ${tenant.name}. You will be logged out everywhere else.</p>
        ${fault === undefined ? '' : html`<div class="note bad" role="alert"><p>${fault}</p></div>`}
        <form class="grid" method="post" action="reset-password">
          <input type="hidden" name="token" value="${token}" />
          <div>
            <label for="password">New password</label>
            <input id="password" name="password" type="password" required autocomplete="new-password"
              aria-describedby="hint" ${fault === undefined ? '' : html`aria-invalid="true" autofocus`} />
            <p class="soft small" id="hint">${hint}</p>
          </div>
          <div><button type="submit">Set the password</button></div>
        </form>
      </div>`,
  };
}

export function passwordSetPage(tenant: Tenant): Page {
  return {
    title: 'Your new password is set',
    main: html`<h1>Your new password is set</h1>
      <div class="card">
        <p>You were logged out everywhere. Log in at ${tenant.name} with the new password.</p>
        <p><a class="button" href="w/${tenant.slug}">To the wallet</a></p>
      </div>`,
  };
}
