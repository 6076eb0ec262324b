// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// "Confirm that it is you": asked where the API wants a fresh login, after which what was wanted goes on by itself.
import { $, Cancelled, onClick, onSubmit, say } from './account-form.js';
import { canUsePasskeys, usePasskey } from './wallet-passkey.js';

const kinds = {
  password: { label: 'Password', type: 'password', autocomplete: 'current-password', inputMode: 'text' },
  code: { label: 'Code of your authenticator app', type: 'text', autocomplete: 'one-time-code' },
};

/**
 * @returns `proven(card, work)`: does the work, once more after the user has proven who they are, which is
 * asked for at the end of the card. Throws Cancelled when they did not want to.
 */
export function prepareConfirm({ call, send, settings, known, leave }) {
  const form = $('confirm');
  const field = $('confirm-proof');
  let answer;
  let kind;

  function show(next) {
    kind = next;
    const { label, type, autocomplete } = kinds[kind];
    $('confirm-label').textContent = label;
    $('confirm-other').textContent = kind === 'password' ? 'Use a code instead' : 'Use the password instead';
    Object.assign(field, { type, autocomplete, value: '' });
  }

  function ask(card) {
    // Something else waited for it: the user has gone on to this.
    answer?.(false);
    card.append(form);
    form.reset();
    say('confirm-say', '');
    show('password');
    $('confirm-other').hidden = !known.totp;
    $('confirm-passkey').hidden = known.passkeys === 0 || !canUsePasskeys(settings);
    form.hidden = false;
    field.focus();
    return new Promise((resolve) => {
      answer = resolve;
    });
  }

  function end(isProven) {
    form.hidden = true;
    form.reset();
    answer?.(isProven);
    answer = undefined;
  }

  onSubmit(
    'confirm',
    async (fields) => {
      const given = fields.get('proof');
      await call('POST', '/session/confirm', { body: { [kind]: kind === 'code' ? given.trim() : given } });
      end(true);
    },
    { fieldOf: { invalid_credentials: 'proof', invalid_code: 'proof' } },
  );
  onClick($('confirm-passkey'), 'confirm-say', async () => {
    await usePasskey(send, settings, (passkey) => call('POST', '/session/confirm', { body: { passkey } }));
    end(true);
  });
  $('confirm-other').addEventListener('click', () => {
    show(kind === 'password' ? 'code' : 'password');
    field.focus();
  });
  $('confirm-cancel').addEventListener('click', () => end(false));
  onClick($('confirm-login'), 'confirm-say', () => leave('Log in again, then go on at your account.'));

  return async function proven(card, work) {
    try {
      return await work();
    } catch (error) {
      if (error.code !== 'fresh_login_required') throw error;
    }
    if (!(await ask(card))) throw new Cancelled();
    return work();
  };
}
