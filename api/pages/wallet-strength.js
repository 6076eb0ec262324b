// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// How strong a new password is, shown while it is typed: advice, never a condition, and nothing leaves the page.

const $ = (id) => document.getElementById(id);
/** How long one may go on typing before it is said aloud, in milliseconds. */
const typingMs = 300;
const words = ['Very weak', 'Weak', 'Fair', 'Good', 'Strong'];

/** By the keys of zxcvbn: what makes the password easy to guess, and what would make it harder. */
const reasons = {
  straightRow: 'Keys in a row are easy to guess.',
  keyPattern: 'Patterns of the keyboard are easy to guess.',
  simpleRepeat: 'Repeated letters are easy to guess.',
  extendedRepeat: 'Repeated parts are easy to guess.',
  sequences: 'Sequences such as "abc" are easy to guess.',
  recentYears: 'Years are easy to guess.',
  dates: 'Dates are easy to guess.',
  topTen: 'This is one of the ten most used passwords.',
  topHundred: 'This is one of the hundred most used passwords.',
  common: 'Many others use this password.',
  similarToCommon: 'It is much like a password that many use.',
  wordByItself: 'One word is easy to guess.',
  namesByThemselves: 'Names are easy to guess.',
  commonNames: 'Names are easy to guess.',
  userInputs: 'It is made of your name, your address or the name of this place.',
};
const advice = {
  l33t: 'Signs in place of letters, such as "@" for "a", help little.',
  reverseWords: 'Words written backwards help little.',
  allUppercase: 'Capitals help little.',
  capitalization: 'A capital at the beginning helps little.',
  dates: 'Leave out dates that others may know.',
  recentYears: 'Leave out years.',
  associatedYears: 'Leave out years that others may know.',
  sequences: 'Leave out sequences.',
  repeated: 'Leave out repetitions.',
  anotherWord: 'Add a word or two that are rare.',
  useWords: 'Use several words, but no sentence that others know.',
};

let loading;
/** Half a megabyte, so only for those who choose a password. */
function load() {
  loading ??= Promise.all([import('./strength/core/index.mjs'), import('./strength/language/index.mjs')])
    .then(([{ ZxcvbnFactory }, { dictionary, adjacencyGraphs }]) => {
      return new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });
    })
    .catch((error) => {
      loading = undefined;
      throw error;
    });
  return loading;
}

/** `known` gives what the user would be guessed by. Without the libraries the page works on, without a meter. */
export function prepareStrength(field, known) {
  let typing;
  const show = async () => {
    const judge = await load();
    const password = field.value;
    $('strength').hidden = password === '';
    if (password === '') return;
    const { score, feedback } = judge.check(password, known().filter(Boolean));
    $('strength-meter').value = score + 1;
    const reason = reasons[feedback.warning] ?? '';
    // The first advice is always to add a word: one that fits this password says more.
    const [general, special] = feedback.suggestions;
    const text = [reason, advice[special] ?? advice[general] ?? ''].filter(Boolean).join(' ');
    $('strength-say').replaceChildren(
      Object.assign(document.createElement('strong'), { textContent: `${words[score]}.` }),
      ` ${text}`,
    );
  };
  const later = () => {
    clearTimeout(typing);
    typing = setTimeout(() => show().catch(() => undefined), typingMs);
  };
  field.addEventListener('focus', () => load().catch(() => undefined));
  field.addEventListener('input', later);
  field.form.addEventListener('reset', () => {
    clearTimeout(typing);
    $('strength').hidden = true;
  });
}
