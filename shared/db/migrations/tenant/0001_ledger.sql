-- One tenant's users, wallets, journal and ledger. Runs with the tenant's schema as search path.

create table users (
  id uuid primary key,
  -- Lower case, normalised; unique per tenant.
  email text unique,
  email_verified_at timestamptz,
  name text,
  password_hash text,
  -- How password_hash was made, with the pepper's key id: lets old hashes be upgraded at login.
  password_scheme text,
  status text not null default 'active' check (status in ('active', 'banned', 'erased')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table wallets (
  id uuid primary key,
  user_id uuid not null references users,
  currency text not null,
  balance bigint not null default 0,
  -- The part of the balance that was given, not bought.
  bonus bigint not null default 0,
  held bigint not null default 0,
  version bigint not null default 0,
  frozen_reason text,
  created_at timestamptz not null default now(),
  unique (user_id, currency),
  check (balance between 0 and 9007199254740991),
  check (bonus between 0 and balance),
  check (held between 0 and balance)
) with (fillfactor = 70);

create sequence operation_seq;

-- The journal. No foreign keys on the hot tables: a row is checked against its wallet when it is
-- accepted and settled, and a constraint would cost a trigger per row (docs/decisions/0003).
create table operations (
  id uuid primary key,
  -- Order of settling within a wallet. A purchase draws a new number when its money arrives.
  seq bigint not null default nextval('operation_seq'),
  kind text not null check (kind in ('purchase', 'spend', 'refund', 'grant', 'reversal', 'clawback')),
  status text not null default 'accepted'
    check (status in ('accepted', 'awaiting_payment', 'applied', 'rejected', 'failed', 'expired')),
  -- Waits to be settled.
  due boolean not null default true,
  wallet_id uuid not null,
  user_id uuid not null,
  -- Null: all that is left of the original; known once settled.
  amount bigint check (amount between 1 and 9007199254740991),
  bucket text check (bucket in ('paid', 'bonus')),
  original_id uuid,
  -- Compared byte by byte: no locale has a say in what is the same key.
  idempotency_key text collate "C" not null,
  body_hash bytea not null,
  reference text,
  metadata jsonb,
  note text,
  reason text,
  -- Of what this operation moved, the part that was bonus; and how much of it was undone since.
  bonus bigint not null default 0,
  refunded bigint not null default 0,
  balance_after bigint,
  wallet_version bigint,
  created_at timestamptz not null default now(),
  settled_at timestamptz
) with (fillfactor = 80);
create unique index operations_idempotency on operations (idempotency_key);
create index operations_due on operations (wallet_id, seq) where due;
-- Nearly always empty: finds the culprits at no cost for the others.
create index operations_poisoned on operations (id) where reason = 'internal_error';

create table entries (
  operation_id uuid not null,
  -- The wallet that this posting is about, on both of its sides.
  wallet_id uuid not null,
  account text not null check (account in ('wallet', 'sales', 'purchases', 'grants')),
  amount bigint not null check (amount <> 0),
  bonus bigint not null default 0,
  balance_after bigint check (balance_after between 0 and 9007199254740991),
  version bigint,
  created_at timestamptz not null default statement_timestamp(),
  check ((account = 'wallet') = (version is not null)),
  check ((account = 'wallet') = (balance_after is not null))
);
create unique index entries_wallet on entries (wallet_id, version) where account = 'wallet';

create trigger entries_append_only before update or delete or truncate on entries
  for each statement execute function coinlane.refuse_change();

create function refuse_second_outcome() returns trigger language plpgsql as $$
begin
  raise exception 'operation % has its outcome already', old.id using errcode = 'restrict_violation';
end $$;

-- An outcome is written once. Only what was undone since may still change on a settled operation.
create trigger operations_one_outcome before update on operations for each row
  when (old.status in ('applied', 'rejected') and (
    new.status <> old.status or new.due or new.reason is distinct from old.reason
    or new.balance_after is distinct from old.balance_after
    or new.wallet_version is distinct from old.wallet_version
    or new.amount is distinct from old.amount or new.settled_at is distinct from old.settled_at))
  execute function refuse_second_outcome();
create trigger operations_kept before delete or truncate on operations
  for each statement execute function coinlane.refuse_change();

grant select, insert, update on users, wallets, operations to coinlane_app;
grant select, insert on entries to coinlane_app;
grant usage on sequence operation_seq to coinlane_app;
