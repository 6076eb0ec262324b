// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// Sends coins to another user of the tenant, who is named by the id that this page shows to each.
const $ = (id) => document.getElementById(id);

export function prepareSending({ operate, coins, onSubmit, say, onDone }) {
  if (!$('send')) return () => undefined;
  onSubmit('send', async (form, place) => {
    const reference = form.get('reference').trim();
    const operation = await operate('/wallet/transfer', {
      toUserId: form.get('toUserId').trim(),
      amount: Number(form.get('amount')),
      ...(reference ? { reference } : {}),
      ...coins.body(),
    });
    $('send').reset();
    say(place, `${coins.text(operation.amount - (operation.fee ?? 0))} sent.`);
    await onDone();
  });
  return (ownId) => {
    $('own-id').textContent = ownId;
  };
}
