// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// Who the user is and where mail goes, and the password.
import { $, fill, onSubmit, say } from './account-form.js';
import { prepareStrength } from './wallet-strength.js';

export function prepareProfile({ call, send, settings, proven, onPasswordChange }) {
  let profile = {};
  const load = fill(
    'profile',
    () => call('GET', '/profile'),
    (found) => {
      profile = found;
      show(found, settings);
    },
  );

  onSubmit('resend', async () => {
    await call('POST', '/email/verification', { body: {} });
    say('resend-say', `A mail is on its way to ${profile.email}. Its link works for a day.`);
  });
  onSubmit('change-email', async (fields) => {
    const email = fields.get('email').trim();
    await proven($('profile'), () => call('POST', '/email/change', { body: { email } }));
    $('change-email').reset();
    say('change-email-say', `A mail with a link is on its way to ${email}. It works for an hour.`);
  });
  preparePassword({ call, send, settings, onPasswordChange, current: () => profile });

  // Back from the mail in another tab, where the address was confirmed or changed.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void load();
  });
  return load;
}

function show({ name, email, emailVerified, wallet }, settings) {
  $('profile-name').textContent = name ?? 'Not given';
  $('profile-email').textContent = email || 'None yet';
  $('password-user').value = email;
  const state = $('email-state');
  state.hidden = email === '';
  state.textContent = emailVerified ? 'confirmed' : 'not confirmed';
  state.className = emailVerified ? 'tag good' : 'tag bad';
  $('resend').hidden = emailVerified || email === '';
  $('change-email-title').textContent = email ? 'Change the address' : 'Add an address';
  // A link needs somewhere to be sent to.
  $('forgot').hidden = email === '';
  const left = new Intl.NumberFormat().format(wallet.balance);
  $('erase-coins').textContent =
    wallet.balance > 0 ? `The ${left} ${settings.coin} in your wallet are forfeited.` : '';
}

function preparePassword({ call, send, settings, onPasswordChange, current }) {
  prepareStrength($('new-password'), () => [current().name, current().email, settings.name]);
  onSubmit(
    'change-password',
    async (fields) => {
      await call('POST', '/password/change', { body: Object.fromEntries(fields) });
      $('change-password').reset();
      say('change-password-say', 'The password is changed, and your other devices are logged out.');
      onPasswordChange();
    },
    { fieldOf: { invalid_credentials: 'currentPassword' } },
  );
  onSubmit('forgot', async () => {
    const { email } = current();
    await send('POST', '/password/forgot', { body: { email } });
    say('forgot-say', `A mail is on its way to ${email}. Its link works for half an hour.`);
  });
}
