// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// Which coin the hosted wallet shows, where a tenant has several; and what a balance says beside its number.
const numbers = new Intl.NumberFormat();

/** `onSwitch` shows the wallet of the coin that was chosen; the choice outlives a way to the payment page and back. */
export function prepareCoins({ settings, store, onSwitch }) {
  const choice = document.getElementById('coin');
  const all = [settings.coin, ...settings.coins];
  const current = () => all.find(({ code }) => code === store.get('coin')) ?? settings.coin;
  const isFirst = () => current() === settings.coin;
  const show = () => {
    const { code, name } = current();
    Object.assign(document.getElementById('coin-code'), { textContent: code, title: name });
    if (choice) choice.value = code;
  };
  const choose = (code) => {
    store.set('coin', code);
    show();
  };
  choice?.addEventListener('change', () => {
    choose(choice.value);
    onSwitch();
  });
  show();
  return {
    text: (n) => `${numbers.format(n)} ${current().code}`,
    /** For a query, after what is in it already, and for a body: the first coin goes without saying. */
    asQuery: (lead) => (isFirst() ? '' : `${lead}coin=${current().code}`),
    body: () => (isFirst() ? {} : { coin: current().code }),
    code: () => current().code,
    isFirst,
    choose,
  };
}

const days = (iso) => new Date(iso).toLocaleDateString(undefined, { dateStyle: 'medium' });

/** What is reserved, what was a gift, what runs out. */
export function balanceParts({ balance, held, buckets, expiring }) {
  const parts = [];
  if (held > 0) parts.push(`${numbers.format(held)} of ${numbers.format(balance)} are reserved.`);
  if (buckets?.bonus > 0) parts.push(`${numbers.format(buckets.bonus)} of them were a gift.`);
  const [next] = expiring ?? [];
  if (next) parts.push(`${numbers.format(next.coins)} run out on ${days(next.expiresAt)}.`);
  return parts.join(' ');
}
