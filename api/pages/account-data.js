// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// Taking one's data along, and having it erased.
import { $, onSubmit, say } from './account-form.js';
import { Refusal } from './wallet-api.js';

export function prepareData({ call, settings, proven, leave }) {
  const card = $('data');
  onSubmit('export', async () => {
    const found = await proven(card, () => call('GET', '/profile/export'));
    // One that broke off half-way is no JSON: better none than one that looks whole.
    if (!found.format) throw new Refusal(0, {});
    save(found, `${settings.tenant}-account.json`);
    say('export-say', 'Your data is in your downloads. Keep it to yourself.');
  });
  onSubmit(
    'erase',
    async (fields) => {
      if (fields.get('word').trim().toLowerCase() !== 'erase') {
        const detail = 'Nothing is erased unless you type the word “erase” here';
        throw new Refusal(422, { errors: [{ pointer: '/word', detail }] });
      }
      await proven(card, () => call('DELETE', '/profile', { body: { confirm: true } }));
      await leave('Your account is erased.', { isOver: true });
    },
    {},
  );
}

function save(data, name) {
  const address = URL.createObjectURL(
    new Blob([JSON.stringify(data, null, 2)], { type: 'application/json' }),
  );
  Object.assign(document.createElement('a'), { href: address, download: name }).click();
  // Not at once: some browsers begin to read it only then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
