// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// Stored ways of paying in the hosted wallet, and the rule by which coins are bought with one of them.
import { price } from './wallet-words.js';

const $ = (id) => document.getElementById(id);
const day = (time) => new Date(time).toLocaleDateString(undefined, { dateStyle: 'medium' });

const endings = {
  card_declined: 'the way of paying was declined',
  authentication_required: 'the bank wants you to confirm each payment yourself',
  payment_refused: 'the payment did not come about',
  method_removed: 'its way of paying was removed',
  pack_gone: 'what it bought is not sold any more',
  price_changed: 'what it bought costs more than you agreed to',
  wallet_frozen: 'the wallet was frozen',
  provider_not_configured: 'this way of paying is not available here any more',
};

/** `coins` is the coin that is shown. */
export function prepareTopUp({ call, coins, say, onSubmit }) {
  // Nothing here can be kept.
  if (!$('top-up')) return async () => {};

  /** What somebody is about to set is not overwritten by what is set: the page looks again now and then. */
  let touched = false;
  $('top-up').addEventListener('input', () => {
    touched = true;
  });

  function describe({ enabled, disabledReason, below, coins: bought, price: minor, currency, ...rule }) {
    if (!enabled) return `It is off: ${endings[disabledReason] ?? 'something went wrong'}.`;
    const what = `${coins.text(bought)} for ${price(minor, currency)}`;
    const times = rule.maxPerDay === 1 ? 'once a day' : `${rule.maxPerDay} times a day`;
    return `It is on: when you use coins and fewer than ${coins.text(below)} are left, ${what} are bought with ${rule.method.label}, at most ${times}.`;
  }

  function methodLine({ id, label, provider, createdAt }) {
    const line = $('methods-line').content.cloneNode(true);
    const part = (name) => line.querySelector(`[data-part=${name}]`);
    part('label').textContent = label;
    part('about').textContent = `${provider}, since ${day(createdAt)}`;
    part('remove').value = id;
    part('remove').setAttribute('aria-label', `Remove ${label}`);
    return line;
  }

  /** Packs of other coins fill other wallets. */
  function showPacks(chosen) {
    for (const option of $('top-up-pack').options) {
      const fits = option.dataset.coin === coins.code();
      Object.assign(option, { hidden: !fits, disabled: !fits });
      option.label = `${option.textContent} for ${price(Number(option.dataset.price), option.dataset.currency)}`;
    }
    const fitting = [...$('top-up-pack').options].filter(({ disabled }) => !disabled);
    const pick = fitting.find(({ value }) => value === chosen) ?? fitting[0];
    $('top-up-pack').value = pick?.value ?? '';
    return fitting.length > 0;
  }

  async function findRule() {
    return call('GET', `/wallet/top-up${coins.asQuery('?')}`).catch((error) => {
      if (error.code === 'top_up_not_found') return undefined;
      throw error;
    });
  }

  async function show() {
    const { data } = await call('GET', '/payment-methods');
    const rule = data.length > 0 || !$('top-up-card').hidden ? await findRule() : undefined;
    const [pack, method] = touched
      ? [$('top-up-pack').value, $('top-up-method').value]
      : [rule?.pack, rule?.method.id];
    $('methods-lines').replaceChildren(...data.map(methodLine));
    const options = data.map(({ id, label }) =>
      Object.assign(document.createElement('option'), { value: id, textContent: label }),
    );
    $('top-up-method').replaceChildren(...options);
    const sells = showPacks(pack);
    $('top-up').hidden = data.length === 0 || !sells;
    $('top-up').querySelector('button').textContent = rule?.enabled ? 'Change' : 'Switch on';
    $('top-up-end').hidden = !rule?.enabled;
    $('top-up-state').textContent = rule ? describe(rule) : 'It is off.';
    if (data.some(({ id }) => id === method)) $('top-up-method').value = method;
    if (rule && !touched) {
      Object.assign($('top-up-below'), { value: rule.below });
      Object.assign($('top-up-times'), { value: rule.maxPerDay });
    }
    $('top-up-card').hidden = data.length === 0 && !rule;
  }

  onSubmit('top-up', async (fields, place) => {
    const body = {
      ...{ below: Number(fields.get('below')), pack: fields.get('pack'), method: fields.get('method') },
      ...{ maxPerDay: Number(fields.get('maxPerDay')), ...coins.body() },
    };
    await call('PUT', '/wallet/top-up', { body });
    touched = false;
    say(place, 'It is set.');
    await show();
  });
  onSubmit('top-up-end', async () => {
    await call('DELETE', `/wallet/top-up${coins.asQuery('?')}`);
    await show();
  });
  onSubmit('methods', async (fields, place) => {
    await call('DELETE', `/payment-methods/${encodeURIComponent(fields.get('id'))}`);
    say(place, 'It is removed.');
    await show();
  });
  return show;
}
