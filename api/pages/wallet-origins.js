// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// Where the coins of the hosted wallet come from, and its statement as a file.
import { price } from './wallet-words.js';

const $ = (id) => document.getElementById(id);
const kinds = {
  purchase: 'Bought',
  grant: 'Received from the shop',
  transfer: 'Received from somebody',
  exchange: 'Exchanged',
  opening: 'From before',
};
const day = (time) => new Date(time).toLocaleDateString(undefined, { dateStyle: 'medium' });

function lotLine(lot, numbers) {
  const line = $('coins-line').content.cloneNode(true);
  const part = (name) => line.querySelector(`[data-part=${name}]`);
  const [first] = lot.origin;
  const notes = [];
  if (lot.bucket === 'bonus') notes.push('a gift');
  if (lot.holdId) notes.push('reserved');
  if (lot.expiresAt) notes.push(`runs out ${day(lot.expiresAt)}`);
  part('kind').textContent = kinds[first?.kind] ?? 'Returned';
  part('reference').textContent = first?.reference ? ` · ${first.reference}` : '';
  part('time').textContent = first ? day(first.at) : '';
  if (first) part('time').dateTime = first.at;
  part('notes').textContent = notes.map((note) => ` · ${note}`).join('');
  part('coins').textContent = numbers.format(lot.coins);
  part('cost').textContent = lot.cost ? price(lot.cost.amount, lot.cost.currency) : '';
  return line;
}

/** `call` asks the API as the user; `onSubmit` runs the work of a form; `coin` is the one that is shown. */
export function prepareOrigins({ call, onSubmit, numbers, slug, coin }) {
  onSubmit('statement', async (form) => {
    const format = form.get('format');
    const query = new URLSearchParams({ format });
    for (const name of ['from', 'to']) {
      if (form.get(name)) query.set(name, new Date(`${form.get(name)}T00:00`).toISOString());
    }
    const file = await call('GET', `/wallet/statement?${query}${coin.asQuery('&')}`, { file: true });
    const href = URL.createObjectURL(file);
    Object.assign(document.createElement('a'), { href, download: `statement-${slug}.${format}` }).click();
    // Not at once: the browser still reads it.
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  });
  return async () => {
    // A coin that the user never had has nothing to explain.
    const none = { lots: [], rest: { coins: 0 } };
    const answer = call('GET', `/wallet/explain${coin.asQuery('?')}`);
    const { lots, rest } = await (coin.isFirst() ? answer : answer.catch(() => none));
    $('coins-list').replaceChildren(...lots.map((lot) => lotLine(lot, numbers)));
    $('coins-none').hidden = lots.length > 0;
    $('coins-rest').textContent = rest.coins > 0 ? `And ${numbers.format(rest.coins)} more coins.` : '';
  };
}
