// A mail address, alone or with a name before it, as settings and mails write it.
import addressparser from 'nodemailer/lib/addressparser';

export interface Mailbox {
  name: string;
  address: string;
}

/** No quoting and no lists: whatever else an address may be by RFC 5322, it is none that a user of ours has. */
const oneAddress = /^[^\s@<>()[\]\\,;:"\p{Cc}]+@[^\s@<>()[\]\\,;:"\p{Cc}]+$/u;

export const isBareAddress = (text: string): boolean => oneAddress.test(text);

/** @returns undefined unless it is one address (RFC 5322 section 3.4, "mailbox") */
export function parseMailbox(text: string): Mailbox | undefined {
  const [first, ...rest] = addressparser(text, { flatten: true });
  if (!first || rest.length > 0 || !isBareAddress(first.address)) return undefined;
  return { name: first.name, address: first.address };
}
