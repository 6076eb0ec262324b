-- Paying users out in money for the coins that others sent them.

-- What is there was checked by the narrower rules before: no row is read again under the lock.
alter table operations drop constraint operations_kind_check;
alter table operations
  add constraint operations_kind_check check (kind in ('purchase', 'spend', 'refund', 'grant', 'reversal', 'clawback',
    'transfer', 'hold', 'capture', 'release', 'exchange', 'expiry', 'consume', 'payout', 'payout_return')) not valid;
alter table entries drop constraint entries_account_check;
alter table entries add constraint entries_account_check check (account in ('wallet', 'sales', 'purchases', 'grants',
  'debt', 'writeoffs', 'transfers', 'fees', 'exchange', 'expired', 'payouts')) not valid;

-- Where a user's money goes, as the provider knows it. A row is never changed: payouts refer to the one that was
-- current when they were asked for. It goes with its user.
create table payout_destinations (
  id uuid primary key,
  user_id uuid not null references users,
  provider text not null,
  ref text not null,
  current boolean not null default true,
  created_at timestamptz not null default now()
);
create unique index payout_destinations_current on payout_destinations (user_id) where current;

-- One row for each payout that took coins; what was agreed stands in the terms of its operation, too.
create table payouts (
  operation_id uuid primary key,
  user_id uuid not null,
  wallet_id uuid not null,
  coins bigint not null check (coins > 0),
  -- In the minor unit of the currency.
  amount bigint not null check (amount > 0),
  currency text not null,
  provider text not null,
  destination_id uuid,
  batch_id uuid,
  state text not null default 'requested' check (state in ('requested', 'sent', 'paid', 'failed', 'returned')),
  -- What the provider, or whoever paid by hand, calls the payment.
  reference text,
  reason text,
  -- Since when the provider may know of it; by our own clock, as all that is about providers.
  sent_at timestamptz,
  created_at timestamptz not null default tenant_now(),
  updated_at timestamptz not null default now()
);
create index payouts_newest on payouts (user_id, operation_id);
create index payouts_state on payouts (state, operation_id);
-- What waits on a provider.
create index payouts_underway on payouts (updated_at) where state in ('requested', 'sent') and provider <> 'manual';
create index payouts_batch on payouts (batch_id, operation_id) where batch_id is not null;

-- Requests to pay everybody, with what each was answered.
create table payout_batches (
  id uuid primary key,
  idempotency_key text not null unique,
  body_hash bytea not null,
  answer jsonb,
  created_at timestamptz not null default now()
);

-- What the stand-in for a payout provider remembers. Never of production.
create table sandbox_payouts (
  payout_id uuid primary key,
  ref text not null unique,
  amount bigint not null check (amount > 0),
  currency text not null,
  state text not null check (state in ('paid', 'refused', 'returned')),
  -- How often it was ordered.
  orders integer not null default 1
);

grant select, insert, update on payouts, payout_batches, sandbox_payouts to coinlane_app;
grant select, insert, update, delete on payout_destinations to coinlane_app;
