// The page a payer is sent to: plain HTML that works without scripts, styles from elsewhere or a mouse.

export interface HostedPage {
  title: string;
  /** One paragraph each. */
  lines: string[];
  /** Where the buttons post to; none are shown without it. */
  action?: string;
  /** Posted as `choice=<value>`. */
  buttons?: { label: string; value: string }[];
  /** Only http and https lead anywhere. */
  link?: { label: string; href: string };
}

/** The whole document. All text is escaped. */
export function renderHostedPage({ title, lines, action, buttons = [], link }: HostedPage): string {
  const form =
    action === undefined
      ? ''
      : `<form method="post" action="${escapeHtml(action)}">${buttons
          .map(
            ({ label, value }) =>
              `<button type="submit" name="choice" value="${escapeHtml(value)}">${escapeHtml(label)}</button>`,
          )
          .join(' ')}</form>`;
  const leads = link !== undefined && /^https?:\/\//.test(link.href);
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title>`,
    '<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem}',
    'button{font:inherit;padding:.6rem 1.4rem;min-height:44px}</style></head>',
    `<body><main><h1>${escapeHtml(title)}</h1>`,
    ...lines.map((line) => `<p>${escapeHtml(line)}</p>`),
    form,
    leads ? `<p><a href="${escapeHtml(link.href)}">${escapeHtml(link.label)}</a></p>` : '',
    '</main></body></html>',
  ].join('\n');
}

/** For text and for quoted attributes. */
function escapeHtml(text: string): string {
  const names: Record<string, string> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' };
  return text.replaceAll(/[&<>"']/g, (sign) => `&${names[sign]};`);
}
