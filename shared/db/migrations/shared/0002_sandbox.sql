-- The books of the sandbox provider, which stands in for a card network: its own, apart from every tenant's.
-- In production nothing ever writes here.

create table coinlane.sandbox_payments (
  -- The checkout; part of its address, so it cannot be guessed.
  ref text primary key,
  tenant text not null references coinlane.tenants,
  idempotency_key text not null,
  purchase_id uuid not null,
  amount bigint not null check (amount > 0),
  currency text not null,
  description text not null,
  return_url text,
  status text not null default 'open' check (status in ('open', 'paid', 'declined', 'expired')),
  -- How the card behaves later, chosen when it pays.
  card text not null default 'normal' check (card in ('normal', 'no-refunds')),
  payment_ref text unique,
  refunded bigint not null default 0,
  disputed bigint not null default 0,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  unique (tenant, idempotency_key),
  check ((status = 'paid') = (payment_ref is not null)),
  check (refunded + disputed <= amount)
);

create table coinlane.sandbox_refunds (
  ref text primary key,
  tenant text not null references coinlane.tenants,
  payment_ref text not null,
  idempotency_key text not null,
  amount bigint not null check (amount > 0),
  created_at timestamptz not null default now(),
  unique (tenant, idempotency_key)
);

create table coinlane.sandbox_disputes (
  ref text primary key,
  tenant text not null references coinlane.tenants,
  payment_ref text not null unique,
  amount bigint not null check (amount > 0),
  created_at timestamptz not null default now()
);

-- Webhooks to send, until they were answered with 2xx.
create table coinlane.sandbox_events (
  id uuid primary key,
  tenant text not null references coinlane.tenants,
  body text not null,
  attempts integer not null default 0,
  next_at timestamptz not null default now(),
  delivered_at timestamptz,
  created_at timestamptz not null default now()
);
create index sandbox_events_open on coinlane.sandbox_events (next_at) where delivered_at is null;

grant select, insert, update on coinlane.sandbox_payments, coinlane.sandbox_refunds,
  coinlane.sandbox_disputes, coinlane.sandbox_events to coinlane_app;
