// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// The hosted wallet in a browser: shows what the public API says, and says in plain words what it refuses.
import { openApi, openStore, sleep } from './wallet-api.js';
import { prepareBuying } from './wallet-buy.js';
import { balanceParts, prepareCoins } from './wallet-coins.js';
import { prepareOrigins } from './wallet-origins.js';
import { prepareRefunds } from './wallet-refund.js';
import { prepareSending } from './wallet-send.js';
import { prepareShop } from './wallet-shop.js';
import { prepareSignIn } from './wallet-sign-in.js';
import { prepareTopUp } from './wallet-top-up.js';
import { compromisedText, explain, frozenText, kindName, moment, personal } from './wallet-words.js';

const settings = JSON.parse(document.getElementById('settings').textContent);
const $ = (id) => document.getElementById(id);
const numbers = new Intl.NumberFormat();
const store = openStore(settings.tenant);
const kept = prepareCoins({ settings, store, onSwitch: () => void showWallet().catch(sayWhy) });
const coins = kept.text;
const { send, call, operate, forget } = openApi(settings.tenant, store, () =>
  signOut('Your session has ended. Please log in again.'),
);

function say(where, text, { bad = false, action } = {}) {
  const place = $(where);
  place.replaceChildren(text);
  if (action) place.append(' ', action);
  place.classList.toggle('bad', bad);
  place.hidden = text === '';
}

/** Runs the work of a form with its buttons off, and shows what went wrong beside it. */
function onSubmit(formId, work) {
  const form = $(formId);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    // Before the buttons are off: the one that was pressed says how to pay.
    const fields = new FormData(form, event.submitter);
    const buttons = form.querySelectorAll('button');
    const place = `${formId}-say`;
    say(place, '');
    for (const button of buttons) Object.assign(button, { disabled: true, ariaBusy: 'true' });
    try {
      await work(fields, place);
    } catch (error) {
      const amount = Number(fields.get('amount'));
      if (error.code === 'wallet_frozen') showFrozen();
      if (error.code === 'insufficient_funds') await sayShort(place, amount, formId !== 'refund');
      else say(place, explain(error), { bad: true });
    } finally {
      for (const button of buttons) Object.assign(button, { disabled: false, ariaBusy: null });
    }
  });
}

async function sayShort(place, wanted, mayBuy) {
  const { available } = await showBalance().catch(() => ({ available: 0 }));
  const missing = Math.max(wanted - available, 1);
  const text = `You have ${coins(available)} and need ${coins(wanted)}: ${coins(missing)} are missing.`;
  const buy = Object.assign(document.createElement('button'), { type: 'button', className: 'small' });
  buy.textContent = `Buy ${coins(missing)}`;
  buy.addEventListener('click', () => {
    $('coins').value = missing;
    $('coins').focus();
    showPrice();
  });
  say(place, text, { bad: true, action: mayBuy && $('buy') && kept.isFirst() ? buy : undefined });
}

async function showBalance() {
  const balance = await call('GET', `/wallet/balance${kept.asQuery('?')}`);
  $('balance').textContent = numbers.format(balance.available);
  $('balance-parts').textContent = balanceParts(balance);
  say('debt', balance.debt > 0 ? `You owe ${coins(balance.debt)}; your next coins repay it.` : '', {
    bad: true,
  });
  return balance;
}

/** The balance does not tell: it is learned from a refusal, and forgotten when something was spent. */
const showFrozen = (frozen = true) => say('frozen', frozen ? frozenText : '', { bad: true });

function historyLine(entry) {
  const line = $('history-line').content.cloneNode(true);
  const part = (name) => line.querySelector(`[data-part=${name}]`);
  part('kind').textContent = kindName(entry);
  part('reference').textContent = entry.reference ? ` · ${entry.reference}` : '';
  part('time').textContent = moment(entry.createdAt);
  part('time').dateTime = entry.createdAt;
  part('amount').textContent = `${entry.amount > 0 ? '+' : '−'}${numbers.format(Math.abs(entry.amount))}`;
  part('amount').classList.toggle('plus', entry.amount > 0);
  part('after').textContent = `balance ${numbers.format(entry.balanceAfter)}`;
  const refund = part('refund');
  refund.hidden = !settings.refunds || !['spend', 'capture', 'purchase'].includes(entry.kind);
  refund.addEventListener('click', () => askRefund(entry));
  return line;
}

let nextCursor;
async function showHistory({ more = false } = {}) {
  const cursor = more && nextCursor ? `&cursor=${encodeURIComponent(nextCursor)}` : '';
  const page = await call('GET', `/wallet/transactions?limit=10${cursor}${kept.asQuery('&')}`);
  const lines = page.data.map(historyLine);
  if (more) $('history').append(...lines);
  else $('history').replaceChildren(...lines);
  nextCursor = page.nextCursor;
  $('more').hidden = !page.hasMore;
  $('history-empty').hidden = $('history').children.length > 0;
  return page.data;
}

/** They are asked for separately: what is booked between the two answers is in one only, and they are asked again. */
async function showBooks(looks = 5) {
  const [{ version }, [newest]] = await Promise.all([showBalance(), showHistory()]);
  if (version !== (newest?.version ?? 0) && looks > 1) await showBooks(looks - 1);
}

const showWallet = () => Promise.all([showBooks(), showShop(), showOrigins(), showTopUp()]);
const showShop = prepareShop({ call, operate, say, onSubmit, onDone: showWallet });
const showTopUp = prepareTopUp({ call, coins: kept, say, onSubmit });
const showOrigins = prepareOrigins({ call, onSubmit, numbers, slug: settings.tenant, coin: kept });

const askRefund = prepareRefunds({
  call,
  operate,
  coins,
  say,
  onSubmit,
  onFrozen: showFrozen,
  onDone: async (operation) => {
    say('wallet-say', `${coins(operation.amount)} refunded.`);
    await showWallet();
  },
});

/** After the payment page: says what became of the purchase. */
async function followPurchase() {
  const id = store.get('purchase');
  if (!id) return;
  for (let look = 0; look < 40 && store.get('purchase') === id; look += 1) {
    const operation = await call('GET', `/operations/${id}`);
    if (operation.status !== 'accepted' && operation.status !== 'awaiting_payment') {
      store.drop('purchase');
      const good = operation.status === 'applied';
      say(
        'wallet-say',
        good
          ? `${coins(operation.amount)} have arrived.`
          : 'The purchase did not go through: nothing was bought.',
        { bad: !good },
      );
      await showWallet();
      return;
    }
    const link = Object.assign(document.createElement('a'), { href: operation.checkoutUrl ?? '#' });
    link.textContent = 'Go on paying';
    say('wallet-say', 'Waiting for your payment.', { action: operation.checkoutUrl ? link : undefined });
    await sleep(look < 10 ? 1000 : 3000);
  }
}

async function signIn({ passwordCompromised, ...answer }) {
  store.set('session', answer);
  say('signed-out-say', '');
  await start();
  if (!passwordCompromised) return;
  const action = Object.assign(document.createElement('a'), { href: `${location.pathname}/account` });
  action.textContent = 'Go to your account';
  say('wallet-say', compromisedText, { bad: true, action });
}

function signOut(text) {
  for (const name of ['session', 'purchase', 'coin']) store.drop(name);
  forget();
  showOwnId('');
  // The next user of this tab sees nothing of the last one.
  $('balance').textContent = '…';
  for (const id of personal) $(id)?.replaceChildren();
  for (const id of ['debt', 'frozen']) say(id, '');
  $('refund-dialog').close();
  say('signed-out-say', text);
  void start();
}

async function start() {
  const signedIn = store.get('session') !== null;
  $('signed-in').hidden = !signedIn;
  $('signed-out').hidden = signedIn;
  if (!signedIn) return;
  say('wallet-say', '');
  try {
    const [profile] = await Promise.all([call('GET', '/profile'), showWallet()]);
    $('who').textContent = profile.name ?? profile.email;
    showOwnId(profile.id);
    void followPurchase().catch(sayWhy);
  } catch (error) {
    sayWhy(error);
  }
}

const sayWhy = (error) => store.get('session') && say('wallet-say', explain(error), { bad: true });

const showPrice = prepareBuying({ settings, store, operate, onSubmit, coin: kept, onBought: followPurchase });
const showOwnId = prepareSending({ operate, coins: kept, onSubmit, say, onDone: showWallet });
const resumeLogin = prepareSignIn({ settings, store, send, say, onSubmit, onIn: signIn });
onSubmit('spend', async (form, place) => {
  const reference = form.get('reference').trim();
  const operation = await operate('/wallet/spend', {
    amount: Number(form.get('amount')),
    ...(reference ? { reference } : {}),
    ...kept.body(),
  });
  $('spend').reset();
  showFrozen(false);
  say(place, `${coins(operation.amount)} spent.`);
  await showWallet();
});
onSubmit('more', () => showHistory({ more: true }));
onSubmit('logout', async () => {
  const refreshToken = store.get('session')?.refreshToken;
  await call('POST', '/logout', { body: { refreshToken } }).catch(() => undefined);
  signOut('You are logged out.');
});
window.addEventListener('pageshow', (event) => {
  // Back from the payment page by the browser's button, the page is as it was left.
  if (event.persisted) void start();
});
// The account page leads here when a session is over, and says why.
say('signed-out-say', store.get('farewell') ?? '');
store.drop('farewell');
await start();
await resumeLogin();
