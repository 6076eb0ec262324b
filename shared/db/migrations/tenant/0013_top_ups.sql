-- Ways to pay that users stored with a provider, and the rules by which their wallets are topped up with them.

-- Names that the provider gave; no card is ever stored here.
create table payment_methods (
  id uuid primary key,
  user_id uuid not null references users,
  provider text not null,
  customer_ref text not null,
  method_ref text not null,
  -- For its owner to read, such as "visa •••• 4242".
  label text not null,
  created_at timestamptz not null default now(),
  unique (provider, method_ref)
);
create index payment_methods_user on payment_methods (user_id, id);

create table top_ups (
  wallet_id uuid primary key,
  user_id uuid not null,
  -- What is free in the wallet falls below this: then coins are bought.
  below bigint not null check (below between 1 and 9007199254740991),
  -- What is bought, a pack or coins without one, and what its user agreed to: more is never charged, nor for less.
  pack text,
  coins bigint not null check (coins > 0),
  price bigint not null check (price > 0),
  currency text not null,
  method_id uuid not null,
  max_per_day integer not null default 1 check (max_per_day between 1 and 10),
  enabled boolean not null default true,
  disabled_reason text,
  -- The purchase that it made last; while that is under way no other is made.
  last_operation_id uuid,
  created_at timestamptz not null default tenant_now(),
  updated_at timestamptz not null default tenant_now(),
  check (enabled = (disabled_reason is null))
);
create index top_ups_user on top_ups (user_id);
create index top_ups_method on top_ups (method_id);

alter table purchases
  -- Its payer wants the way of paying to be stored.
  add column store_method boolean not null default false,
  -- No payer is there: it is charged to this stored method.
  add column method_id uuid;

grant select, insert, update, delete on payment_methods, top_ups to coinlane_app;
