// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// The authenticator app: set up, confirmed by its first code, given new recovery codes, removed.
import { $, copy, fill, onClick, onSubmit, say } from './account-form.js';
import { drawQr } from './account-qr.js';
import { date } from './account-words.js';

const codesLow = 3;

/** `overview` asks for what is set up; passkeys share it. @returns what shows it again */
export function prepareTotp({ call, settings, known, proven, overview }) {
  const card = $('totp');
  let secret = '';

  const load = fill('totp', overview, ({ totp, recoveryCodesLeft }) => {
    known.totp = totp?.confirmed === true;
    $('totp-state').textContent = known.totp ? 'on' : 'off';
    $('totp-state').className = known.totp ? 'tag good' : 'tag';
    $('totp-text').textContent = known.totp
      ? `Since ${date(totp.createdAt)}, logins without a passkey ask for a code. ${leftInWords(recoveryCodesLeft)}`
      : 'With an app that shows codes, nobody logs in by your password alone.';
    $('totp-begin').hidden = known.totp || secret !== '';
    $('totp-change').hidden = !known.totp;
  });

  function endSetup() {
    secret = '';
    for (const id of ['totp-secret', 'totp-copied']) $(id).textContent = '';
    $('totp-link').removeAttribute('href');
    hideQr();
    $('totp-confirm').reset();
    $('totp-confirm').hidden = true;
  }

  /** Where it cannot be drawn, the secret still does. */
  async function showQr(setup) {
    hideQr();
    const label = 'QR code of the secret, for the camera of the app';
    const image = await drawQr(settings.qr, setup.uri, label).catch(() => undefined);
    // While it was loaded the setup may have ended.
    if (!image || secret !== setup.secret) return;
    $('totp-qr-image').replaceChildren(image);
    $('totp-qr').hidden = false;
  }

  onSubmit(
    'totp-begin',
    async () => {
      const setup = await proven(card, () => call('POST', '/second-factor/totp', { body: {} }));
      secret = setup.secret;
      // In groups, for those who type it; apps leave the spaces out.
      $('totp-secret').textContent = secret.match(/.{1,4}/g).join(' ');
      $('totp-link').href = setup.uri;
      void showQr(setup);
      $('totp-begin').hidden = true;
      $('totp-confirm').hidden = false;
      $('totp-setup-title').focus();
    },
    { place: 'totp-say' },
  );
  $('totp-copy').addEventListener('click', () => copy(secret, $('totp-secret'), 'totp-copied'));
  $('totp-cancel').addEventListener('click', () => {
    endSetup();
    $('totp-begin').hidden = false;
    $('totp-title').focus();
  });
  onSubmit(
    'totp-confirm',
    async (fields) => {
      const body = { code: fields.get('code').trim() };
      const { recoveryCodes } = await call('POST', '/second-factor/totp/confirm', { body });
      endSetup();
      showCodes(recoveryCodes);
      await load();
    },
    { fieldOf: { invalid_code: 'code' } },
  );
  prepareChange({ call, card, proven, load });
  onClick($('codes-copy'), 'totp-say', () =>
    copy($('codes-text').textContent, $('codes-text'), 'codes-copied'),
  );
  $('codes-close').addEventListener('click', () => {
    hideCodes();
    $('totp-title').focus();
  });
  return load;
}

function hideQr() {
  $('totp-qr').hidden = true;
  $('totp-qr-image').replaceChildren();
}

function prepareChange({ call, card, proven, load }) {
  onSubmit(
    'totp-own',
    async (fields) => {
      const body = { code: fields.get('code').trim() };
      if (fields.get('act') === 'remove') {
        await proven(card, () => call('DELETE', '/second-factor/totp', { body }));
        hideCodes();
        say('totp-say', 'The app is removed. Logins do not ask for a code any more.');
      } else {
        showCodes((await call('POST', '/second-factor/recovery-codes', { body })).recoveryCodes);
      }
      $('totp-own').reset();
      $('totp-change').open = false;
      await load();
    },
    { fieldOf: { invalid_code: 'code' } },
  );
}

function leftInWords(count) {
  if (count === 0) return 'No recovery codes are left: make new ones.';
  const left = count === 1 ? 'One recovery code is left' : `${count} recovery codes are left`;
  return count <= codesLow ? `${left}: make new ones soon.` : `${left}.`;
}

function showCodes(codes) {
  $('codes-text').textContent = codes.join('\n');
  $('codes-copied').textContent = '';
  $('codes').hidden = false;
  $('codes-title').focus();
}

function hideCodes() {
  $('codes-text').textContent = '';
  $('codes').hidden = true;
}
