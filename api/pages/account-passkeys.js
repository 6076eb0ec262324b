// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// Passkeys: listed, added by the browser's authenticator, removed.
import { $, fill, line, make, onClick, onSubmit, say } from './account-form.js';
import { date } from './account-words.js';
import { canUsePasskeys } from './wallet-passkey.js';

/** `overview` asks for what is set up; the authenticator app shares it. @returns what shows it again */
export function preparePasskeys({ call, settings, known, proven, overview }) {
  const card = $('passkeys');
  const load = fill('passkeys', overview, ({ passkeys }) => {
    known.passkeys = passkeys.length;
    $('passkeys-list').replaceChildren(...passkeys.map(passkeyLine));
    $('passkeys-none').hidden = passkeys.length > 0;
  });

  function passkeyLine({ id, name, createdAt, lastUsedAt }) {
    const title = name ?? 'Passkey';
    const used = lastUsedAt ? `last used on ${date(lastUsedAt)}` : 'never used';
    const remove = make('button', { type: 'button', className: 'quiet small', textContent: 'Remove' });
    remove.ariaLabel = `Remove ${title}`;
    onClick(remove, 'passkeys-say', async () => {
      await proven(card, () => call('DELETE', `/passkeys/${id}`));
      say(
        'passkeys-say',
        `${title} is removed. It may still be offered by the device: delete it there, too.`,
      );
      await load();
    });
    return line(title, `Added on ${date(createdAt)}, ${used}`, remove);
  }

  onSubmit('passkey-add', async (fields) => {
    const name = fields.get('name').trim();
    const { startRegistration } = await import(`${settings.webauthn}/methods/startRegistration.js`);
    const { state, options } = await proven(card, () => call('POST', '/passkeys/options', { body: {} }));
    const credential = await startRegistration({ optionsJSON: options });
    await call('POST', '/passkeys', { body: { state, credential, ...(name ? { name } : {}) } });
    $('passkey-add').reset();
    say('passkeys-say', 'The passkey is added.');
    await load();
  });
  showWhetherOpen(settings);
  return load;
}

function showWhetherOpen(settings) {
  const { passkeyOrigin, home } = settings;
  const closed = $('passkeys-closed');
  const isOpen = canUsePasskeys(settings);
  $('passkey-add').hidden = !isOpen;
  closed.hidden = isOpen;
  if (isOpen) return;
  if (passkeyOrigin === null) closed.textContent = 'They do not work here.';
  else if (passkeyOrigin === location.origin) closed.textContent = 'They do not work here in this browser.';
  else {
    const href = `${passkeyOrigin}${home}/account`;
    closed.replaceChildren('They are added, and log in, at ', make('a', { href, textContent: href }), '.');
  }
}
