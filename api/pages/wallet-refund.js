// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// The refund dialog of the hosted wallet: shows what a refund would do before anybody confirms it.
import { Refusal } from './wallet-api.js';
import { explain, price } from './wallet-words.js';

/** How long one may go on typing before the amount counts, in milliseconds. */
const typingMs = 250;
const $ = (id) => document.getElementById(id);

/** What the preview says, line by line: [name, value]. */
function linesOf({ kind, coins: moved, bonus, debt, repaid, lots, money, balanceAfter, debtAfter }, coins) {
  const isPurchase = kind === 'purchase';
  const parts = lots.length > 1 ? lots : [];
  return [
    ...(money ? [['Money back to you', price(money.amount, money.currency)]] : []),
    [isPurchase ? 'Coins taken' : 'Coins back', coins(moved)],
    ...parts.map((lot) => [
      lot.bucket === 'bonus' ? '– of a gift' : '– bought',
      lot.value ? `${coins(lot.coins)}, ${price(lot.value.amount, lot.value.currency)}` : coins(lot.coins),
    ]),
    ...(bonus > 0 ? [['Of them a gift', coins(bonus)]] : []),
    ...(debt > 0 ? [['Of them spent, so you will owe', coins(debt)]] : []),
    ...(repaid > 0 ? [['Of them for what you owe', coins(repaid)]] : []),
    ['Balance after it', coins(balanceAfter)],
    ...(debtAfter > 0 ? [['You owe after it', coins(debtAfter)]] : []),
  ];
}

function whyNot(reason) {
  if (reason === 'insufficient_funds') return 'These coins are spent, so there is nothing to give back.';
  return explain(new Refusal(409, { code: reason }));
}

/**
 * `call` and `operate` reach the API, `coins` writes an amount, `say` and `onSubmit` are the page's own,
 * `onFrozen` hears that the wallet is frozen, and `onDone` of the refund once it is applied.
 * @returns what opens the dialog for a line of the history
 */
export function prepareRefunds({ call, operate, coins, say, onSubmit, onFrozen, onDone }) {
  const form = $('refund');
  const { operationId, amount } = form.elements;
  const confirm = $('refund-confirm');
  let newest = 0;
  let typing;

  function show(preview) {
    const terms = linesOf(preview, coins).map(([name, value]) => {
      const row = document.createElement('div');
      const term = Object.assign(document.createElement('dt'), { textContent: name });
      row.append(term, Object.assign(document.createElement('dd'), { textContent: value }));
      return row;
    });
    $('refund-preview').replaceChildren(...(preview.possible ? terms : []));
    say('refund-say', preview.possible ? '' : whyNot(preview.reason), { bad: true });
    if (preview.reason === 'wallet_frozen') onFrozen();
    confirm.disabled = !preview.possible;
  }

  /** Only the newest answer counts, and only what it shows can be confirmed. */
  async function look(wanted) {
    newest += 1;
    const mine = newest;
    confirm.disabled = true;
    const body = { operationId: operationId.value, ...(wanted === undefined ? {} : { amount: wanted }) };
    try {
      const preview = await call('POST', '/wallet/refund?preview=true', { body });
      if (mine !== newest) return;
      amount.max = preview.left;
      if (wanted === undefined && preview.left > 0) amount.value = preview.left;
      show(preview);
    } catch (error) {
      if (mine === newest) say('refund-say', explain(error), { bad: true });
    }
  }

  amount.addEventListener('input', () => {
    clearTimeout(typing);
    newest += 1;
    confirm.disabled = true;
    typing = setTimeout(() => {
      if (amount.checkValidity()) void look(Number(amount.value));
      else say('refund-say', amount.validationMessage, { bad: true });
    }, typingMs);
  });
  $('refund-cancel').addEventListener('click', () => $('refund-dialog').close());
  onSubmit('refund', async (fields) => {
    const operation = await operate('/wallet/refund', {
      operationId: fields.get('operationId'),
      amount: Number(fields.get('amount')),
    });
    $('refund-dialog').close();
    await onDone(operation);
  });

  return function ask(entry) {
    operationId.value = entry.operationId;
    amount.value = Math.abs(entry.amount);
    amount.max = Math.abs(entry.amount);
    $('refund-what').textContent =
      entry.kind === 'purchase'
        ? 'The coins go, and the money comes back to you. This is what would happen:'
        : 'The coins come back. This is what would happen:';
    $('refund-preview').replaceChildren();
    say('refund-say', '');
    $('refund-dialog').showModal();
    void look();
  };
}
