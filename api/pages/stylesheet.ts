// The look of all our pages: one sheet, inlined, so that a page is whole with its first answer.

const palette = `
:root { color-scheme: light dark;
  --ground: #f4f6f8; --sheet: #ffffff; --ink: #17212b; --soft: #55626f; --line: #d9dfe5; --field: #ffffff;
  --field-line: #7d8a97; --accent: #0b6b53; --on-accent: #ffffff; --accent-soft: #e3f2ed; --good: #0b6b53;
  --bad: #a8231a; --bad-soft: #fdebe9; --focus: #1a5fd0; --shadow: 0 1px 2px #1721; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #0f151b; --sheet: #182029; --ink: #e9eef3; --soft: #a3b0bd; --line: #2c3743; --field: #10171e;
  --field-line: #6c7a88; --accent: #55d3a9; --on-accent: #06231a; --accent-soft: #17332b; --good: #55d3a9;
  --bad: #ff9c92; --bad-soft: #3a1d1b; --focus: #8ab6ff; --shadow: none; } }`;

const frame = `
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.top { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1rem; padding: .75rem 1rem;
  background: var(--sheet); border-bottom: 1px solid var(--line); }
.brand { display: flex; align-items: center; gap: .5rem; font-weight: 650; color: var(--ink);
  text-decoration: none; margin-right: auto; }
.brand svg { width: 1.5rem; height: 1.5rem; color: var(--accent); }
.top nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
main { max-width: 40rem; margin: 0 auto; padding: 1rem 1rem 4rem; }
main.wide { max-width: 68rem; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 1rem; top: .5rem; background: var(--sheet); padding: .5rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .75rem 0; }
h2 { font-size: 1.125rem; line-height: 1.3; margin: 0 0 .75rem; }
h3 { font-size: 1rem; line-height: 1.3; margin: 1rem 0 .25rem; }
p { margin: .5rem 0; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: .25rem; }
.card { background: var(--sheet); border: 1px solid var(--line); border-radius: .75rem; box-shadow: var(--shadow);
  padding: 1rem; margin: 1rem 0; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.row { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: center; }
.apart { justify-content: space-between; }
.grid { display: grid; gap: .75rem; }
::placeholder { color: var(--soft); opacity: 1; }
.grid > .card { margin: 0; }
@media (min-width: 40rem) { .pair { grid-template-columns: 1fr 1fr; } .card { padding: 1.25rem; } }`;

const controls = `
label, .label { display: block; font-weight: 550; margin-bottom: .25rem; }
input:not([type=radio], [type=checkbox]), select { width: 100%; min-height: 2.75rem; padding: .5rem .75rem; font: inherit;
  color: var(--ink); background: var(--field); border: 1px solid var(--field-line); border-radius: .5rem; }
fieldset { border: 0; padding: 0; margin: 0; min-width: 0; }
legend { font-weight: 550; padding: 0; margin-bottom: .25rem; }
button, .button { display: inline-flex; align-items: center; justify-content: center; min-height: 2.75rem; padding: .5rem 1rem; font: inherit; font-weight: 600;
  color: var(--on-accent); background: var(--accent); border: 1px solid var(--accent); border-radius: .5rem;
  text-decoration: none; cursor: pointer; }
button.quiet, .button.quiet { color: var(--accent); background: transparent; }
button.small, .button.small { min-height: 2.25rem; padding: .25rem .75rem; font-size: .875rem; }
button.link { min-height: 2rem; padding: 0; border: 0; background: none; color: var(--accent); font-weight: 400;
  text-decoration: underline; }
button:disabled { opacity: .6; cursor: default; }
button[aria-busy=true] { cursor: progress; }
.choice { display: flex; gap: .75rem; align-items: center; padding: .625rem .75rem; border: 1px solid var(--line);
  border-radius: .5rem; cursor: pointer; font-weight: 400; margin: 0; }
.choice:has(:checked) { border-color: var(--accent); background: var(--accent-soft); }
.choice input[type=radio] { flex: none; width: 1.125rem; height: 1.125rem; accent-color: var(--accent); margin: 0; }
.choice input[type=checkbox] { flex: none; width: 1.125rem; height: 1.125rem; accent-color: var(--accent); margin: 0; }
.choice strong { flex: 1; }
.choice .amount { min-width: 4.5rem; text-align: right; }
dialog { border: 1px solid var(--line); border-radius: .75rem; background: var(--sheet); color: var(--ink);
  padding: 1.25rem; width: min(26rem, calc(100vw - 2rem)); }
dialog::backdrop { background: #0008; }
.note { border-left: 4px solid var(--accent); background: var(--accent-soft); border-radius: .25rem;
  padding: .625rem .875rem; margin: .75rem 0; overflow-wrap: anywhere; }
.note.bad { border-color: var(--bad); background: var(--bad-soft); }
.note p { margin: .25rem 0; }
.fault { color: var(--bad); }
input[aria-invalid=true] { border-color: var(--bad); }
meter { display: block; width: 100%; height: .75rem; margin-top: .5rem; }`;

const figures = `
.big { font-size: 2.25rem; line-height: 1.1; font-weight: 700; font-variant-numeric: tabular-nums; }
.amount { font-variant-numeric: tabular-nums; font-weight: 650; white-space: nowrap; }
.plus { color: var(--good); }
.list { list-style: none; margin: 0; padding: 0; }
.list > li { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; padding: .625rem 0;
  border-top: 1px solid var(--line); }
.list > li:first-child { border-top: 0; }
.list .figures { text-align: right; }
pre { margin: 0; padding: .75rem; background: var(--ground); border: 1px solid var(--line); border-radius: .5rem;
  white-space: pre-wrap; overflow-wrap: anywhere; font: .875rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
code { overflow-wrap: anywhere; }
figure { margin: 0; }
#passkey, #factor-passkey { margin-top: .75rem; }
.qr { display: block; width: 13rem; max-width: 100%; height: auto; border-radius: .5rem; }
.card details { margin: .5rem 0; }
.card details:last-child { margin-bottom: 0; }
.card details > summary { padding: .5rem 0; cursor: pointer; }
.tabs { display: flex; flex-wrap: wrap; gap: 0 .875rem; border-bottom: 1px solid var(--line); }
.tabs a { padding: .625rem 0; text-decoration: none; border-bottom: 3px solid transparent; margin-bottom: -1px; }
.tabs a[aria-current] { color: var(--ink); font-weight: 600; border-color: var(--accent); }
.filters { align-items: end; margin: .75rem 0; }
.filters select { width: auto; min-width: 9rem; }
.grow { flex: 1 1 14rem; }
.list .what { flex: 1 1 10rem; min-width: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .5rem .75rem .5rem 0; border-top: 1px solid var(--line); vertical-align: middle; }
thead th { border-top: 0; font-size: .875rem; color: var(--soft); font-weight: 550; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; margin: 0; }
.facts + .row { margin-top: 1rem; }
.facts dt { font-size: .875rem; color: var(--soft); }
.facts dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
.sums { margin: 0; }
.sums > div { display: flex; justify-content: space-between; gap: 1rem; padding: .375rem 0; border-top: 1px solid var(--line); }
.sums dd { margin: 0; font-weight: 600; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.ways button { flex: 1 1 10rem; }
.ways + .pair { margin-top: .75rem; }
code, .secret { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .9375em; }
.tag { display: inline-block; padding: 0 .5rem; border-radius: 1rem; border: 1px solid var(--line);
  font-size: .875rem; color: var(--soft); }
.tag.good { color: var(--good); border-color: currentColor; }
.tag.bad { color: var(--bad); border-color: currentColor; }
@media (max-width: 40rem) {
  .stack thead { position: absolute; left: -999px; }
  .stack tr, .stack td { display: block; }
  .stack tr { border-top: 1px solid var(--line); padding: .75rem 0; }
  .stack tr:first-child { border-top: 0; }
  .stack td { border: 0; padding: .125rem 0; }
  .stack td[data-label]:not(:first-child)::before { content: attr(data-label) ": "; color: var(--soft); } }`;

export const stylesheet = [palette, frame, controls, figures].join('').replaceAll(/\n\s*/g, '\n');
