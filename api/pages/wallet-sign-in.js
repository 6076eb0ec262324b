// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// All ways into the hosted wallet: password, provider and second factor, signing up, and a forgotten password.
import { canGoToProvider, goToProvider, takeReturn } from './wallet-oauth.js';
import { canUsePasskeys, usePasskey } from './wallet-passkey.js';
import { prepareStrength } from './wallet-strength.js';
import { explain } from './wallet-words.js';

const $ = (id) => document.getElementById(id);
/** How long a challenge for the second factor is good, in milliseconds. */
const challengeMs = 5 * 60_000;

/** Outlives the tab, unlike the tokens: it opens nothing, and keeps strangers from locking its user out. */
function deviceStore(slug) {
  const name = `coinlane.${slug}.device`;
  const quietly = (work) => {
    // Browsers may forbid to keep anything.
    try {
      return work() ?? undefined;
    } catch {
      return undefined;
    }
  };
  return {
    get: () => quietly(() => localStorage.getItem(name)),
    set: (token) => quietly(() => localStorage.setItem(name, token)),
  };
}

/** `onIn` gets the answer of a login. @returns what takes up a login that a provider's page interrupted */
export function prepareSignIn({ settings, store, send, say, onSubmit, onIn }) {
  const device = deviceStore(settings.tenant);
  const enter = (answer) => {
    if (answer.deviceToken) device.set(answer.deviceToken);
    return onIn(answer);
  };
  const askSecondFactor = prepareSecondFactor({ settings, send, say, onSubmit, enter });

  /** A login by any first factor. */
  async function logIn(path, body) {
    try {
      await enter(await send('POST', path, { body }));
    } catch (error) {
      if (error.code !== 'second_factor_required') throw error;
      askSecondFactor(error.problem);
    }
  }

  onSubmit('login', async (form) => {
    const deviceToken = device.get();
    await logIn('/login', { ...Object.fromEntries(form), ...(deviceToken ? { deviceToken } : {}) });
    $('login').reset();
  });
  $('passkey').hidden = !canUsePasskeys(settings);
  onSubmit('passkey', () => usePasskey(send, settings, (passkey) => logIn('/login/passkey', passkey)));
  prepareRegistration({ settings, send, say, onSubmit, enter });
  prepareForgotten({ send, say, onSubmit });
  for (const button of document.querySelectorAll('[data-provider]')) {
    button.addEventListener('click', () => {
      if (canGoToProvider()) void goToProvider(button.dataset.provider, settings, store);
      else say('signed-out-say', 'This works on pages that came by https only.', { bad: true });
    });
  }

  return async function resume() {
    const returned = takeReturn(store);
    if (!returned) return;
    if (returned.cancelled) return say('signed-out-say', 'The login was not finished. Please try again.');
    await logIn('/oauth/token', returned).catch((error) =>
      say('signed-out-say', explain(error), { bad: true }),
    );
  };
}

function prepareRegistration({ settings, send, say, onSubmit, enter }) {
  const form = $('register');
  const { email, name, password } = form.elements;
  const showFault = (text) => {
    $('password-fault').textContent = text;
    $('password-fault').hidden = text === '';
    password.ariaInvalid = text === '' ? null : 'true';
  };
  prepareStrength(password, () => [name.value, email.value, settings.name]);
  password.addEventListener('input', () => showFault(''));
  onSubmit('register', async (fields, place) => {
    showFault('');
    const body = Object.fromEntries([...fields].filter(([, value]) => value !== ''));
    const answer = await send('POST', '/register', { body }).catch((error) => {
      const fault = error.faults?.find(({ pointer }) => pointer === '/password');
      if (!fault) throw error;
      showFault(fault.detail);
    });
    if (!answer) return password.focus();
    form.reset();
    if (answer.accessToken) await enter(answer);
    else say(place, 'We have sent you a mail. Follow its link, then log in.');
  });
}

function prepareForgotten({ send, say, onSubmit }) {
  const dialog = $('forgot-dialog');
  $('forgot-open').addEventListener('click', () => {
    say('forgot-say', '');
    $('forgot-email').value = $('login-email').value;
    dialog.showModal();
  });
  $('forgot-close').addEventListener('click', () => dialog.close());
  onSubmit('forgot', async (fields, place) => {
    await send('POST', '/password/forgot', { body: { email: fields.get('email') } });
    say(place, 'If this address has an account here, a mail with a link is on its way to it.');
  });
}

const kindsOfCode = {
  totp: { label: 'Code of your authenticator app', other: 'Use a recovery code', inputMode: 'numeric' },
  recovery: { label: 'Recovery code', other: 'Use the authenticator app', inputMode: 'text' },
};

/** @returns what asks for the proof that a challenge wants, and logs in by it */
function prepareSecondFactor({ settings, send, say, onSubmit, enter }) {
  const dialog = $('factor-dialog');
  const field = $('factor-code');
  let kind;
  let asked;
  let begunMs;

  function show(next) {
    kind = next;
    const { label, other, inputMode } = kindsOfCode[kind];
    $('factor-label').textContent = label;
    $('factor-other').textContent = other;
    field.value = '';
    field.inputMode = inputMode;
    field.autocomplete = kind === 'totp' ? 'one-time-code' : 'off';
    field.focus();
  }

  function isLate() {
    if (Date.now() - begunMs <= challengeMs) return false;
    dialog.close();
    say('signed-out-say', 'That took too long. Please log in again.', { bad: true });
    return true;
  }

  async function answer(proof) {
    // While the browser asked for a passkey, they cancelled here.
    if (!dialog.open) return;
    const { challenge, passwordCompromised } = asked;
    const login = await send('POST', '/login/second-factor', { body: { challenge, ...proof } });
    dialog.close();
    // It was said when the password was given, and only then.
    await enter({ ...login, passwordCompromised });
  }

  $('factor-other').addEventListener('click', () => show(kind === 'totp' ? 'recovery' : 'totp'));
  $('factor-cancel').addEventListener('click', () => dialog.close());
  onSubmit('factor', async (fields) => {
    if (!isLate()) await answer({ code: fields.get('code').trim() });
  });
  onSubmit('factor-passkey', async () => {
    if (!isLate()) await usePasskey(send, settings, (passkey) => answer({ passkey }));
  });

  return function ask(problem) {
    asked = problem;
    begunMs = Date.now();
    const { methods } = problem;
    $('factor-other').hidden = !methods?.includes('recovery_code');
    $('factor-passkey').hidden = !methods?.includes('passkey') || !canUsePasskeys(settings);
    for (const place of ['factor-say', 'factor-passkey-say']) say(place, '');
    dialog.showModal();
    show('totp');
  };
}
