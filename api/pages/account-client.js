// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// The account page in a browser: puts its parts together, and leads back to the sign-in when the session is over.
import { prepareConfirm } from './account-confirm.js';
import { prepareData } from './account-data.js';
import { prepareDevices } from './account-devices.js';
import { $, onSubmit } from './account-form.js';
import { prepareLogins } from './account-logins.js';
import { preparePasskeys } from './account-passkeys.js';
import { prepareProfile } from './account-profile.js';
import { prepareTotp } from './account-totp.js';
import { openApi, openStore } from './wallet-api.js';

const settings = JSON.parse($('settings').textContent);
const store = openStore(settings.tenant);
const { call, send } = openApi(settings.tenant, store, () =>
  goBack('Your session has ended. Please log in again.'),
);

/** To the sign-in, which says why. */
function goBack(text) {
  for (const name of ['session', 'purchase', 'link']) store.drop(name);
  store.set('farewell', text);
  location.replace(settings.home);
}

/** `isOver`: there is no session any more that would have to be ended. */
async function leave(text, { isOver = false } = {}) {
  const refreshToken = store.get('session')?.refreshToken;
  if (!isOver) await call('POST', '/logout', { body: { refreshToken } }).catch(() => undefined);
  goBack(text);
}

/** One request for the cards that show parts of its answer. */
function shared(ask) {
  let running;
  return () => {
    running ??= ask().finally(() => {
      running = undefined;
    });
    return running;
  };
}

function start() {
  // What the user could prove, as far as it is known.
  const known = { totp: false, passkeys: 0 };
  const overview = shared(() => call('GET', '/second-factor'));
  const page = { call, send, settings, store, known, leave, overview };
  page.proven = prepareConfirm(page);
  const loadDevices = prepareDevices(page);
  const loads = [
    prepareProfile({ ...page, onPasswordChange: loadDevices }),
    prepareTotp(page),
    preparePasskeys(page),
    loadDevices,
    prepareLogins(page),
  ];
  prepareData(page);
  onSubmit('logout', () => leave('You are logged out.'));
  $('account').hidden = false;
  for (const load of loads) void load();
}

window.addEventListener('pageshow', (event) => {
  // Back by the browser's button, the page is as it was left, whoever was logged in then.
  if (event.persisted) location.reload();
});
if (store.get('session') === null) goBack('Please log in first.');
else start();
