// The hosted page must show a merchant's text as text, whatever is in it, and never lead to a script.
import { expect, test } from 'vitest';
import { renderHostedPage } from './hosted-page.ts';

test('texts, addresses and values are escaped', () => {
  const evil = `"><script>alert('1')</script>&`;
  const html = renderHostedPage({
    title: evil,
    lines: [evil],
    action: evil,
    buttons: [{ label: evil, value: evil }],
  });
  expect(html).not.toContain('<script');
  expect(html.match(/&lt;script&gt;/g)?.length).toBeGreaterThanOrEqual(5);
});

test('a link is shown for web addresses only', () => {
  const page = (href: string) => renderHostedPage({ title: 't', lines: [], link: { label: 'back', href } });
  expect(page('https://shop.example/a?b=c&d')).toContain('href="https://shop.example/a?b=c&amp;d"');
  expect(page('javascript:alert(1)')).not.toContain('<a ');
});
