// Turns the content of a mail into its two forms, text and HTML; nothing else here makes HTML.
import { html, raw } from 'hono/html';

/** What a mail says, free of form. Every string is plain text. */
export interface MailContent {
  subject: string;
  /** Shown by mail programs beside the subject. */
  preview: string;
  heading: string;
  paragraphs: string[];
  /** Label and value, as on a receipt. */
  facts?: [label: string, value: string][];
  action?: { label: string; url: string; note: string };
  closing?: string[];
}

export interface MailBodies {
  text: string;
  html: string;
}

/** Renders both forms. `sender` is the platform's name, `reason` why the reader gets this mail. */
export function renderBodies(content: MailContent, sender: string, reason: string): MailBodies {
  return {
    text: renderText(content, sender, reason),
    html: String(renderHtml(content, sender, reason)),
  };
}

function renderText(content: MailContent, sender: string, reason: string): string {
  const { heading, paragraphs, facts = [], action, closing = [] } = content;
  const labelWidth = Math.max(0, ...facts.map(([label]) => label.length)) + 2;
  const blocks = [
    heading,
    ...paragraphs,
    ...(action ? [`${action.label}:\n${action.url}`, action.note] : []),
    ...(facts.length > 0
      ? [facts.map(([label, value]) => `${`${label}:`.padEnd(labelWidth)}${value}`).join('\n')]
      : []),
    ...closing,
    // RFC 3676 section 4.3: this line marks a signature, and mail programs set it off.
    `-- \n${sender}\n${reason}`,
  ];
  return `${blocks.join('\n\n')}\n`;
}

// Mail programs that drop <style> still get the inline colours, which read well on white.
const style = raw(`
  :root { color-scheme: light dark; supported-color-schemes: light dark; }
  @media (prefers-color-scheme: dark) {
    .page { background-color: #14161a !important; }
    .card { background-color: #1f2229 !important; border-color: #343943 !important; }
    .ink { color: #eceef2 !important; }
    .soft { color: #a9b0bc !important; }
    .line { border-color: #343943 !important; }
    .button { background-color: #8ab4ff !important; color: #10131a !important; }
    .link { color: #8ab4ff !important; }
  }
  @media (max-width: 480px) {
    .page { padding: 0 !important; }
    .card { border-radius: 0 !important; border-left: 0 !important; border-right: 0 !important; }
    .pad { padding: 24px 20px !important; }
    .fact { display: block !important; text-align: left !important; padding-bottom: 0 !important; }
    .fact.value { border-top: 0 !important; padding-top: 2px !important; padding-bottom: 10px !important; }
  }
`);

const font = "font-family: -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";
const body = raw(`${font}; font-size: 16px; line-height: 1.5; color: #1b1f27; margin: 0 0 16px`);
const small = raw(`${font}; font-size: 13px; line-height: 1.5; color: #5a6272; margin: 0 0 12px`);
const cell = `${font}; font-size: 15px; line-height: 1.4; padding: 10px 0; border-top: 1px solid #e2e5ea`;
const label = raw(`${cell}; color: #5a6272; text-align: left; font-weight: normal; vertical-align: top`);
const value = raw(`${cell}; color: #1b1f27; text-align: right; overflow-wrap: anywhere; vertical-align: top`);

function renderHtml(content: MailContent, sender: string, reason: string) {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${content.subject}</title>
<style>${style}</style>
</head>
<body class="page" style="margin: 0; padding: 0; background-color: #f2f4f7">
<div style="display: none; max-height: 0; overflow: hidden" aria-hidden="true">${content.preview}</div>
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>
<td class="page" align="center" style="padding: 24px 12px; background-color: #f2f4f7">
<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" border="0"
 style="max-width: 560px; background-color: #ffffff; border: 1px solid #e2e5ea; border-radius: 12px"><tr>
<td class="pad" align="left" style="padding: 32px">
<p class="soft" style="${small}">${sender}</p>
<h1 class="ink" style="${raw(font)}; font-size: 24px; line-height: 1.3; color: #1b1f27; margin: 0 0 16px">${content.heading}</h1>
${content.paragraphs.map((text) => html`<p class="ink" style="${body}">${text}</p>`)}
${content.action ? renderAction(content.action) : ''}
${content.facts?.length ? renderFacts(content.facts) : ''}
${(content.closing ?? []).map((text) => html`<p class="ink" style="${body}">${text}</p>`)}
<p class="soft line" style="${small}; border-top: 1px solid #e2e5ea; padding-top: 16px; margin: 24px 0 0">${reason}</p>
</td></tr></table>
</td></tr></table>
</body>
</html>
`;
}

function renderAction({ label: text, url, note }: NonNullable<MailContent['action']>) {
  const button =
    raw(`${font}; font-size: 16px; font-weight: 600; text-decoration: none; display: inline-block;
    background-color: #1d4ed8; color: #ffffff; border-radius: 8px; padding: 14px 24px`);
  return html`<p style="margin: 24px 0"><a class="button" href="${url}" style="${button}">${text}</a></p>
<p class="soft" style="${small}">${note} If the button does not work, open this address:<br>
<a class="link" href="${url}" style="color: #1d4ed8; overflow-wrap: anywhere">${url}</a></p>`;
}

function renderFacts(facts: [string, string][]) {
  const rows = facts.map(
    ([name, content]) => html`<tr><th scope="row" class="fact soft line" style="${label}">${name}</th>
<td class="fact value ink line" style="${value}">${content}</td></tr>
`,
  );
  return html`<table width="100%" cellpadding="0" cellspacing="0" border="0" style="margin: 8px 0 24px">
${rows}</table>`;
}
