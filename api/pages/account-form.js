// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// What all parts of the account page do alike: fill a card, run a form or a button, and say what came of it.
import { explain, sentence } from './account-words.js';

export const $ = (id) => document.getElementById(id);

/** The user did not want to go on: nothing has to be said. */
export class Cancelled extends Error {}

export function say(place, text, { bad = false } = {}) {
  const note = $(place);
  note.textContent = text;
  note.classList.toggle('bad', bad);
  note.hidden = text === '';
}

/** `props` become properties of the element. */
export function make(tag, props, ...children) {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
}

/** A line of a list: what it is, a smaller line about it, and what can be done with it. */
export function line(what, about, ...acts) {
  const text = make('span', { className: 'what' }, what, make('br'));
  text.append(make('span', { className: 'soft small', textContent: about }));
  return make('li', {}, text, ...acts);
}

function showFault(field, text) {
  const place = $(`${field.id}-fault`);
  if (!place) return;
  place.textContent = text;
  place.hidden = text === '';
  field.ariaInvalid = text === '' ? null : 'true';
}

/** @returns whether all that is wrong could be said at fields */
function showFaults(form, error, fieldOf) {
  const named = fieldOf[error.code] && { pointer: `/${fieldOf[error.code]}`, detail: explain(error) };
  const faults = named ? [named] : (error.faults ?? []);
  const fields = faults.map(({ pointer }) => form.elements[pointer.slice(1)]);
  if (fields.length === 0 || !fields.every((field) => field && $(`${field.id}-fault`))) return false;
  for (const [place, field] of fields.entries()) showFault(field, sentence(faults[place].detail));
  fields[0].focus();
  return true;
}

/** Runs `work` with the buttons off, and says at `place` what went wrong. */
async function run(buttons, place, work, onError = () => false) {
  const pressed = document.activeElement;
  say(place, '');
  for (const button of buttons) Object.assign(button, { disabled: true, ariaBusy: 'true' });
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Cancelled) && !onError(error)) say(place, explain(error), { bad: true });
  } finally {
    for (const button of buttons) Object.assign(button, { disabled: false, ariaBusy: null });
    keepFocus(pressed, place);
  }
}

/** A button that was off, or is gone, lost the focus: whoever goes by keyboard would be back at the top. */
function keepFocus(pressed, place) {
  if (document.activeElement !== document.body) return;
  const isThere = pressed?.isConnected && pressed.getClientRects().length > 0;
  const target = isThere ? pressed : $(place)?.closest('section')?.querySelector('h2');
  target?.focus({ preventScroll: true });
}

/** `fieldOf`: the field that a code is about, where the API names none. `place`: where to say what is about none. */
export function onSubmit(id, work, { fieldOf = {}, place = `${id}-say` } = {}) {
  const form = $(id);
  form.addEventListener('input', ({ target }) => showFault(target, ''));
  form.addEventListener('reset', () => {
    for (const field of form.elements) showFault(field, '');
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    // Before the buttons are off: the one that was pressed may say what to do.
    const fields = new FormData(form, event.submitter);
    for (const field of form.elements) showFault(field, '');
    void run(
      form.querySelectorAll('button'),
      place,
      () => work(fields),
      (error) => showFaults(form, error, fieldOf),
    );
  });
}

export function onClick(button, place, work) {
  button.addEventListener('click', () => void run([button], place, work));
}

/**
 * Fills the card `id`. While nothing is there it says so, and when nothing comes, why.
 * @returns what asks again
 */
export function fill(id, ask, show) {
  const note = $(`${id}-loading`);
  return async function load() {
    try {
      show(await ask());
      $(`${id}-content`).hidden = false;
      note.hidden = true;
    } catch (error) {
      const again = make('button', { type: 'button', className: 'link', textContent: 'Try again' });
      again.addEventListener('click', () => {
        note.replaceChildren('Loading…');
        void load();
      });
      note.replaceChildren(`${explain(error)} `, again);
      note.hidden = false;
    }
  };
}

/** Copies, or where the browser does not let a page do that, selects. */
export async function copy(text, shown, place) {
  try {
    await navigator.clipboard.writeText(text);
    $(place).textContent = 'Copied.';
  } catch {
    getSelection().selectAllChildren(shown);
    $(place).textContent = 'It is selected: copy it from there.';
  }
}
