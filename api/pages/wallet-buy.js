// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// Buying coins in the hosted wallet: what is chosen, what it costs, and the way to the payment page.
import { price } from './wallet-words.js';

const $ = (id) => document.getElementById(id);

/** `coin` is the one that is shown; `onBought` follows a purchase. @returns what shows the price of the number that is asked for */
export function prepareBuying({ settings, store, operate, onSubmit, coin, onBought }) {
  // There is no way to pay here.
  if (!$('buy')) return () => undefined;

  function showPrice() {
    const { price: minor, coins: per, currency } = settings.coinPrice;
    const wanted = Number($('coins').value);
    $('coins-price').textContent = wanted > 0 ? price(Math.ceil((wanted * minor) / per), currency) : '';
  }

  onSubmit('buy', async (form) => {
    const pack = form.get('pack');
    coin.choose(document.querySelector('[name=pack]:checked').dataset.coin);
    const operation = await operate('/wallet/buy', {
      ...(pack === '' ? { coins: Number(form.get('coins')) } : { pack }),
      ...(form.get('storeMethod') ? { storeMethod: true } : {}),
      provider: form.get('provider'),
      returnUrl: location.origin + location.pathname,
    });
    store.set('purchase', operation.id);
    if (operation.checkoutUrl) location.assign(operation.checkoutUrl);
    else await onBought();
  });
  $('coins').addEventListener('input', showPrice);
  $('coins').addEventListener('focus', () => {
    $('custom').checked = true;
  });
  for (const place of document.querySelectorAll('.amount[data-price]')) {
    place.textContent = price(Number(place.dataset.price), place.dataset.currency);
  }
  showPrice();
  return showPrice;
}
