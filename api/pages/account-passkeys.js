// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// Passkeys: listed, added by the browser's authenticator, removed; and used to prove who it is.
import { $, fill, line, make, onClick, onSubmit, say } from './account-form.js';
import { date } from './account-words.js';

/** For `POST /session/confirm`: the passkey that the user picked, and what it signed. */
export async function provePasskey(send, { webauthn }) {
  const { startAuthentication } = await import(`${webauthn}/methods/startAuthentication.js`);
  const { state, options } = await send('POST', '/login/passkey/options', { body: {} });
  return { state, credential: await startAuthentication({ optionsJSON: options }) };
}

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

/** Browsers bind passkeys to one name, and have them on pages that came by https, or from this machine. */
function showWhetherOpen({ passkeyOrigin, home }) {
  const closed = $('passkeys-closed');
  const isHere = passkeyOrigin === location.origin;
  const isOpen = isHere && window.PublicKeyCredential !== undefined;
  $('passkey-add').hidden = !isOpen;
  closed.hidden = isOpen;
  if (isOpen) return;
  if (passkeyOrigin === null) closed.textContent = 'They cannot be added here.';
  else if (isHere) closed.textContent = 'This browser cannot add them here.';
  else {
    const href = `${passkeyOrigin}${home}/account`;
    closed.replaceChildren('They are added at ', make('a', { href, textContent: href }), '.');
  }
}
