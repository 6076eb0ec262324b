-- What money has to do with coins: one row per purchase, per return of its money, per dispute over it.

create table purchases (
  operation_id uuid primary key,
  provider text not null,
  -- The quote, frozen when the purchase was accepted; price in the currency's minor unit.
  pack text,
  coins bigint not null check (coins > 0),
  price bigint not null check (price > 0),
  currency text not null,
  return_url text,
  status text not null default 'created' check (status in
    ('created', 'awaiting_payer', 'paid', 'granted', 'failed', 'expired', 'review', 'undeliverable')),
  -- The provider's id of the checkout, and of the money once it moved.
  checkout_ref text unique,
  checkout_url text,
  payment_ref text unique,
  expires_at timestamptz,
  -- Money that went back to the payer or was taken by a bank, in minor units.
  refunded bigint not null default 0,
  disputed bigint not null default 0,
  -- Coins that a clawback could not take because they were spent.
  shortfall bigint not null default 0,
  detail text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index purchases_open on purchases (created_at) where status in ('created', 'awaiting_payer');

create table purchase_refunds (
  -- The refund operation that took the coins; its id is the provider's idempotency key.
  operation_id uuid primary key,
  purchase_id uuid not null references purchases,
  amount bigint not null check (amount >= 0),
  currency text not null,
  status text not null default 'requested'
    check (status in ('requested', 'submitted', 'pending', 'done', 'failed')),
  refund_ref text unique,
  detail text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index purchase_refunds_purchase on purchase_refunds (purchase_id);
create index purchase_refunds_open on purchase_refunds (created_at)
  where status in ('requested', 'submitted', 'pending');

create table purchase_disputes (
  -- The provider's id of the dispute: its ledger effect happens once, whatever the events.
  provider text not null,
  ref text not null,
  purchase_id uuid not null references purchases,
  amount bigint not null check (amount > 0),
  currency text not null,
  -- The operation that took coins; null when there was nothing left to take.
  clawback_id uuid,
  created_at timestamptz not null default now(),
  primary key (provider, ref)
);
create index purchase_disputes_purchase on purchase_disputes (purchase_id);

grant select, insert, update on purchases, purchase_refunds, purchase_disputes to coinlane_app;
