-- Rules on how much moves within a time: what they count, and the operations that wait for a person.

alter table wallets
  -- Slices of each rule's window (shared/ledger/velocity.ts); null where no rule ever counted anything.
  add column velocity jsonb;

alter table operations
  -- Why it was held, in words for the operator, and since when; kept after the decision. While it waits its
  -- reason is held_for_review, and it is not due (docs/decisions/0013).
  add column held_for text,
  add column held_at timestamptz,
  -- An operator let it go on: rules of velocity do not judge it again.
  add column released_at timestamptz;
-- Nearly always empty.
create index operations_held on operations (id) where reason = 'held_for_review';
-- Rules count the purchases of a wallet that were begun lately.
create index operations_purchases on operations (wallet_id, created_at) where kind = 'purchase';

alter table purchases
  -- The rules let it pass; from then on its provider may hear of it. Null also where there were no rules.
  add column begun_at timestamptz;
