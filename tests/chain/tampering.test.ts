// Whatever somebody who may do anything changes in the books afterwards, the doctor names the first thing that differs.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { findDifferences } from '../../scripts/doctor/books.ts';
import { asIntruder, type Books, openBooks, whileNobodySeals } from './ground.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem('tampering', { backend: backends[0]! });
});
afterAll(() => system?.close());

const differences = (books: Books) => findDifferences(system.services.db, books.tenant.slug);
const intrude = (books: Books, ...statements: string[]) =>
  asIntruder(system, books.tenant.slug, ...statements);

test('sound books have no difference, page by page, too', async () => {
  const books = await openBooks(system);
  expect(await differences(books)).toEqual([]);
  const pages = { wallets: 1, entries: 2 };
  expect(await findDifferences(system.services.db, books.tenant.slug, pages)).toEqual([]);
});

interface Tampering {
  what: string;
  /** Of the spend of 20: version 4, in block 4. */
  harm(books: Books): string[];
  /** Each in this order among the differences; the first one opens the list. */
  named(books: Books): string[];
}

const side = ({ walletId }: Books) => `account = 'wallet' and wallet_id = '${walletId}' and version = 4`;
const changed = ({ walletId }: Books, version = 4) =>
  `block ${version}: wallet ${walletId}, version ${version}: hash expected`;

const tamperings: Tampering[] = [
  {
    what: 'a changed amount',
    harm: (books) => [`update entries set amount = -2 where ${side(books)}`],
    named: (books) => [
      `wallet ${books.walletId}, version 4, balance_after: expected 138, found 120`,
      `operation ${books.spends[1]!.id}, wallet ${books.walletId}, account sales: expected 1 of 2, bonus 20, found 1 of 20, bonus 20`,
      changed(books),
    ],
  },
  {
    what: 'changed lots',
    harm: (books) => [`update entries set lots = jsonb_set(lots, '{0,1}', '-21') where ${side(books)}`],
    named: (books) => [
      `wallet ${books.walletId}, version 4, amount (the sum of its lots): expected -21, found -20`,
      changed(books),
    ],
  },
  {
    what: 'coins moved from one lot to another',
    harm: ({ walletId }) => [
      `update wallets set lots = jsonb_set(lots, '{0,0}', '"${randomUUID()}"') where id = '${walletId}'`,
    ],
    named: ({ walletId }) => [`wallet ${walletId}, version 5, wallet.lots (`],
  },
  {
    what: 'a balance of its own',
    harm: ({ walletId }) => [`update wallets set balance = balance + 1 where id = '${walletId}'`],
    named: ({ walletId }) => [`wallet ${walletId}, version 5, wallet.balance: expected 90, found 91`],
  },
  {
    what: 'a debt of its own',
    harm: ({ walletId }) => [`update wallets set debt = 7 where id = '${walletId}'`],
    named: ({ walletId }) => [`wallet ${walletId}, version 5, wallet.debt: expected 0, found 7`],
  },
  {
    what: 'a posting that is gone, on both sides',
    harm: ({ spends }) => [`delete from entries where operation_id = '${spends[1]!.id}'`],
    named: ({ walletId }) => [
      `wallet ${walletId}, version 4, version: expected 4, found 5`,
      `block 4: wallet ${walletId}, version 4: the entry is gone`,
    ],
  },
  {
    what: 'the last posting gone with all that it did',
    harm: ({ walletId, spends }) => [
      `delete from entries where operation_id = '${spends[2]!.id}'`,
      `delete from operations where id = '${spends[2]!.id}'`,
      `update wallets set balance = 120, bonus = 120, version = 4, lots = jsonb_set(lots, '{0,1}',
         to_jsonb((lots->0->>1)::int + 30)) where id = '${walletId}'`,
    ],
    named: ({ walletId }) => [
      `wallet ${walletId}, version 5, sealing: expected in a block or in the queue up to version 4, found up to version 5`,
      `block 5: wallet ${walletId}, version 5: the entry is gone`,
    ],
  },
  {
    what: 'an operation that took the place of another',
    harm: ({ spends: [, second, third] }) => [
      `update entries set operation_id = '${randomUUID()}' where operation_id = '${second!.id}'`,
      `update entries set operation_id = '${second!.id}' where operation_id = '${third!.id}'`,
    ],
    named: (books) => [changed(books)],
  },
  {
    what: 'another kind of operation',
    harm: ({ spends }) => [`update operations set kind = 'clawback' where id = '${spends[1]!.id}'`],
    named: (books) => [changed(books)],
  },
  {
    what: "another user's name on an operation",
    harm: ({ spends }) => [`update operations set user_id = '${randomUUID()}' where id = '${spends[1]!.id}'`],
    named: (books) => [changed(books)],
  },
  {
    what: 'another time',
    harm: (books) => [
      `update entries set created_at = created_at - interval '1 microsecond' where ${side(books)}`,
    ],
    named: (books) => [changed(books)],
  },
  {
    what: 'another account on the other side',
    harm: ({ spends }) => [
      `update entries set account = 'writeoffs' where account = 'sales' and operation_id = '${spends[1]!.id}'`,
    ],
    named: ({ walletId, spends }) => [
      `operation ${spends[1]!.id}, wallet ${walletId}, account sales: expected 1 of 20, bonus 20, found 0 of 0, bonus 0`,
    ],
  },
  {
    what: 'an added grant that adds up everywhere',
    harm: (books) => addedGrant(books),
    named: ({ walletId }) => [
      `wallet ${walletId}, version 6, sealing: expected in a block or in the queue up to version 6, found up to version 5`,
    ],
  },
  {
    what: 'an entry that was sealed twice',
    harm: ({ walletId }) => [
      `insert into seal_queue (wallet_ids, first_versions, last_versions, entries) values ('{${walletId}}', '{5}', '{5}', 1)`,
    ],
    named: ({ walletId }) => [
      `wallet ${walletId}, version 5, sealing: expected version 6 next, found versions 5 to 5 in the queue`,
    ],
  },
  {
    what: 'a rewritten block',
    harm: () => ["update chain set sealed_at = sealed_at + interval '1 hour' where n = 4"],
    named: () => ['block 4: hash expected'],
  },
  {
    what: 'a block taken out of the middle',
    harm: () => ['delete from chain where n = 4'],
    named: ({ walletId }) => [
      `wallet ${walletId}, version 4, sealing: expected version 4 next, found versions 5 to 5 in block 5`,
      'block 4: number expected 4, found 5: a block is gone',
    ],
  },
  {
    what: 'a chain without its end',
    harm: () => ['delete from chain where n > 3'],
    named: ({ walletId }) => [
      `wallet ${walletId}, version 4, sealing: expected in a block or in the queue up to version 5, found up to version 3`,
    ],
  },
];

/** Both sides, the wallet, its lot and the operation: every balance follows from it. */
function addedGrant({ walletId, userId }: Books): string[] {
  const id = randomUUID();
  return [
    `insert into operations (id, kind, status, due, wallet_id, user_id, amount, idempotency_key, body_hash, bonus,
       balance_after, wallet_version, settled_at) values ('${id}', 'grant', 'applied', false, '${walletId}', '${userId}',
       1000, '${id}', '', 1000, 1090, 6, now())`,
    `insert into lots (id, wallet_id, bucket, coins) values ('${id}', '${walletId}', 'bonus', 1000)`,
    `insert into entries (operation_id, wallet_id, account, amount, bonus, balance_after, version, lots, counter) values
       ('${id}', '${walletId}', 'wallet', 1000, 1000, 1090, 6, '[["${id}", 1000, 1]]', 'grants'),
       ('${id}', '${walletId}', 'grants', -1000, -1000, null, null, null, null)`,
    `update wallets set balance = 1090, bonus = 1090, version = 6, lots = lots || '[["${id}", 1000, 1]]'
       where id = '${walletId}'`,
  ];
}

describe('the doctor names', () => {
  test.each(tamperings)('$what', async ({ harm, named }) => {
    const books = await openBooks(system);
    const found = await whileNobodySeals(system, books.tenant.slug, async () => {
      await intrude(books, ...harm(books));
      return differences(books);
    });
    let at = 0;
    for (const words of named(books)) {
      const next = found.findIndex((line, index) => index >= at && line.startsWith(words));
      expect(next, `${words} in:\n${found.join('\n')}`).toBeGreaterThanOrEqual(at);
      at = next + 1;
    }
    expect(found[0]).toContain(named(books)[0]!);
  });
});
