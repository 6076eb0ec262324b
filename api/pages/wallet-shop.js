// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// The shop of the hosted wallet: what can be had for coins now, and what the user has and may use up.

const $ = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat();
const dayAndTime = (time) =>
  new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });

function fillLine(templateId, texts) {
  const line = $(templateId).content.cloneNode(true);
  const part = (name) => line.querySelector(`[data-part=${name}]`);
  for (const [name, text] of Object.entries(texts)) {
    part(name).textContent = text;
    part(name).hidden = text === '';
  }
  return { line, part };
}

/** Why there is nothing to press; empty: it can be bought. */
function stateOf({ kind, stock, from, until, onSale, user }) {
  if (onSale && user.mayBuy !== 0) return '';
  if (onSale) return kind === 'durable' && user.units === 1 ? 'Yours' : 'You have all you may';
  if (stock?.left === 0) return 'Sold out';
  if (from && Date.parse(from) > Date.now()) return `From ${dayAndTime(from)}`;
  return until ? 'Not sold any more' : 'Not on sale now';
}

function aboutItem({ description, stock, until, onSale }) {
  return [
    ...(description ? [description] : []),
    ...(onSale && stock ? [`${numbers.format(stock.left)} left`] : []),
    ...(onSale && until ? [`until ${dayAndTime(until)}`] : []),
  ].join(' · ');
}

function shopLine(item) {
  const { name, price, coin, user } = item;
  const state = stateOf(item);
  const owned = user.left > 0 && state !== 'Yours' ? `you have ${numbers.format(user.left)}` : '';
  const { line, part } = fillLine('shop-line', { name, owned, about: aboutItem(item), state });
  part('buy').hidden = state !== '';
  part('buy').value = item.id;
  part('buy').textContent = `Buy for ${numbers.format(price)} ${coin}`;
  part('buy').setAttribute('aria-label', `Buy ${name} for ${price} ${coin}`);
  return line;
}

function ownedLine({ id, name, item, kind, left, quantity, createdAt }) {
  const many = quantity > 1 ? `${numbers.format(left)} of ${numbers.format(quantity)} left · ` : '';
  const about = `${many}since ${dayAndTime(createdAt)}`;
  const { line, part } = fillLine('owned-line', { name: name ?? item, about });
  part('use').hidden = kind !== 'consumable';
  part('use').value = id;
  part('use').setAttribute('aria-label', `Use one ${name ?? item}`);
  return line;
}

/**
 * `call` and `operate` reach the API, `say` and `onSubmit` are the page's own, `onDone` shows the wallet anew.
 * @returns what shows the shop anew
 */
export function prepareShop({ call, operate, say, onSubmit, onDone }) {
  // The tenant sells nothing for coins.
  if (!$('shop')) return async () => {};
  let items = new Map();
  let nextCursor;

  async function showItems() {
    const { data } = await call('GET', '/items');
    items = new Map(data.map((item) => [item.id, item]));
    $('shop-lines').replaceChildren(...data.map(shopLine));
    $('shop-card').hidden = data.length === 0;
  }

  async function showOwned({ more = false } = {}) {
    const cursor = more && nextCursor ? `&cursor=${encodeURIComponent(nextCursor)}` : '';
    const page = await call('GET', `/wallet/entitlements?left=true&limit=10${cursor}`);
    const lines = page.data.map(ownedLine);
    if (more) $('owned-lines').append(...lines);
    else $('owned-lines').replaceChildren(...lines);
    nextCursor = page.nextCursor;
    $('owned-more').hidden = !page.hasMore;
    // What it says of the last one stays readable.
    $('owned-card').hidden = $('owned-lines').children.length === 0 && $('owned-say').hidden;
  }

  onSubmit('shop', async (fields, place) => {
    const { id, name, price } = items.get(fields.get('item'));
    // If it is too much, this is what is said to be missing.
    fields.set('amount', price);
    try {
      await operate('/wallet/spend', { item: id, expectedPrice: price, reference: name });
    } catch (error) {
      await showItems();
      throw error;
    }
    say(place, `${name} is yours.`);
    await onDone();
  });
  onSubmit('owned', async (fields, place) => {
    const path = `/wallet/entitlements/${encodeURIComponent(fields.get('id'))}/consume`;
    await operate(path, {});
    say(place, 'One was used.');
    await onDone();
  });
  onSubmit('owned-more', () => showOwned({ more: true }));
  return () => Promise.all([showItems(), showOwned()]);
}
