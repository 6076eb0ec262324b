// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// Logins by Google and Facebook: linked to the account, and unlinked.
import { $, fill, line, make, onClick, say } from './account-form.js';
import { explain, providerNames, time } from './account-words.js';

/** @returns what shows them again */
export function prepareLogins({ call, settings, store, proven }) {
  const card = $('logins');
  const load = fill(
    'logins',
    () => call('GET', '/identities'),
    ({ data }) => {
      const linked = new Map(data.map((identity) => [identity.provider, identity]));
      const names = [...new Set([...settings.oauth, ...linked.keys()])];
      $('logins-list').replaceChildren(...names.map((name) => loginLine(name, linked.get(name))));
      $('logins-none').hidden = names.length > 0;
    },
  );

  function loginLine(provider, identity) {
    const name = providerNames[provider] ?? provider;
    const act = make('button', { type: 'button', className: 'quiet small' });
    act.textContent = identity ? 'Unlink' : 'Link';
    act.ariaLabel = `${act.textContent} ${name}`;
    onClick(act, 'logins-say', () => (identity ? unlink(provider, name) : link(provider)));
    const about = identity
      ? [...(identity.email ? [identity.email] : []), `last used ${time(identity.lastUsedAt)}`].join(' · ')
      : 'Not linked';
    return line(name, about, act);
  }

  /** Leaves the page. The state tells, on the way back, that this very tab began it. */
  async function link(provider) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const state = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    const body = { redirectTo: settings.address, state };
    const { authorizeUrl } = await proven(card, () => call('POST', `/identities/${provider}`, { body }));
    store.set('link', { provider, state });
    location.assign(authorizeUrl);
  }

  async function unlink(provider, name) {
    await proven(card, () => call('DELETE', `/identities/${provider}`));
    say('logins-say', `${name} is unlinked. What was logged in by it elsewhere is logged out.`);
    await load();
  }

  return async function start() {
    const returned = takeReturn(store);
    if (returned?.code) {
      const { provider, code } = returned;
      await call('PUT', `/identities/${provider}`, { body: { code } }).then(
        () => say('logins-say', `${providerNames[provider] ?? provider} is linked.`),
        (error) => say('logins-say', explain(error), { bad: true }),
      );
    } else if (returned) say('logins-say', 'Nothing was linked: it was not finished.', { bad: true });
    await load();
    if (returned) card.scrollIntoView();
  };
}

/** What a provider's page brought back in the address, which is cleaned at once. Undefined: nothing. */
function takeReturn(store) {
  const query = new URLSearchParams(location.search);
  const [code, error] = [query.get('code'), query.get('error')];
  if (code === null && error === null) return undefined;
  history.replaceState(null, '', location.pathname);
  const begun = store.get('link');
  store.drop('link');
  if (!begun || begun.state !== query.get('state')) return {};
  return { provider: begun.provider, code };
}
