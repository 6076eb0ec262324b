// Which texts may be ids of PayPal's, and where its objects live: nothing else ever becomes part of a path.
import type { Link } from './answers.ts';

/** Orders, captures and refunds (Orders v2, Payments v2: `^[A-Z0-9]+$`, at most 36). */
const moneyId = /^[A-Z0-9]{1,36}$/;
/** Disputes v1. */
const disputeId = /^[A-Za-z0-9-]{1,255}$/;

const kinds = {
  order: { form: moneyId, folder: '/v2/checkout/orders/' },
  capture: { form: moneyId, folder: '/v2/payments/captures/' },
  refund: { form: moneyId, folder: '/v2/payments/refunds/' },
  dispute: { form: disputeId, folder: '/v1/customer/disputes/' },
} as const;
export type Kind = keyof typeof kinds;

/** Undefined for a text that cannot be an id of this kind, which PayPal then cannot know. */
export function pathOf(kind: Kind, id: string): string | undefined {
  const { form, folder } = kinds[kind];
  return form.test(id) ? folder + encodeURIComponent(id) : undefined;
}

/** The id behind a link such as `up`; only its path counts, never its host. */
export function idInLinks(links: Link[], kind: Kind): string | undefined {
  const { form, folder } = kinds[kind];
  for (const { href } of links) {
    const path = URL.parse(href)?.pathname ?? '';
    const at = path.indexOf(folder);
    const id = at < 0 ? '' : path.slice(at + folder.length);
    if (form.test(id)) return id;
  }
  return undefined;
}
