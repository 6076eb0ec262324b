-- What platforms do with coins beyond buying and spending: holds, transfers, exchange, items, lots that expire.

-- The tenant's own time. Only a sandbox tenant's differs from the world's, and it only moves forward.
create table clock (
  sole boolean primary key default true check (sole),
  offset_ms bigint not null default 0 check (offset_ms >= 0)
);
insert into clock default values;
create function tenant_now() returns timestamptz language sql stable as $$
  select statement_timestamp() + (select offset_ms from clock) * interval '1 millisecond'
$$;

alter table operations drop constraint operations_kind_check;
alter table operations
  add constraint operations_kind_check check (kind in ('purchase', 'spend', 'refund', 'grant', 'reversal', 'clawback',
    'transfer', 'hold', 'capture', 'release', 'exchange', 'expiry', 'consume')),
  -- What the kind needs beside an amount, frozen when it was journaled: legs, an item, an expiry (shared/ledger/terms.ts).
  add column terms jsonb,
  -- Other wallets that it moves.
  add column parties uuid[],
  -- Members of one atomic batch: all are applied, or none.
  add column group_id uuid;
create index operations_group on operations (group_id, seq) where group_id is not null;

-- What waits on a wallet beside its own operations: coins that others send. Gone once it is settled.
create table arrivals (
  wallet_id uuid not null,
  seq bigint not null,
  operation_id uuid not null,
  primary key (wallet_id, seq)
);

alter table wallets
  -- Active holds: [{id, amount, captured, expiresAt, lots}]. Their lots are not among those of the wallet, which
  -- are free; both together sum to the balance, and `held` is the coins of these.
  add column holds jsonb not null default '[]',
  -- Grows with every write: an order of states finer than the version, which counts entries.
  add column revision bigint not null default 0,
  -- When the first lot or hold runs out.
  add column next_expiry timestamptz;
create index wallets_next_expiry on wallets (next_expiry) where next_expiry is not null;

-- One row a hold for whoever lists them; what is still reserved stands in the wallet.
create table holds (
  id uuid primary key,
  wallet_id uuid not null,
  user_id uuid not null,
  amount bigint not null check (amount > 0),
  captured bigint not null default 0 check (captured between 0 and amount),
  status text not null check (status in ('active', 'captured', 'released', 'expired')),
  expires_at timestamptz not null,
  created_at timestamptz not null default tenant_now(),
  updated_at timestamptz not null default tenant_now()
);
create index holds_wallet on holds (wallet_id, id);

alter table lots
  -- The operation that made it; the first of its lots has its id.
  add column operation_id uuid,
  -- The lot whose coins these were before they changed hands or currency.
  add column source uuid,
  add column priority smallint not null default 50 check (priority between 0 and 100),
  add column expires_at timestamptz;

-- The account on the other side of a wallet's posting.
alter table entries add column counter text;
alter table entries drop constraint entries_account_check;
alter table entries add constraint entries_account_check check (account in ('wallet', 'sales', 'purchases', 'grants',
  'debt', 'writeoffs', 'transfers', 'fees', 'exchange', 'expired'));

-- What a spend bought. Units that were used or that a refund took back stay in the row.
create table entitlements (
  -- The spend.
  id uuid primary key,
  user_id uuid not null,
  item text not null,
  kind text not null check (kind in ('durable', 'consumable')),
  quantity bigint not null check (quantity > 0),
  used bigint not null default 0 check (used >= 0),
  revoked bigint not null default 0 check (revoked >= 0),
  created_at timestamptz not null default tenant_now(),
  updated_at timestamptz not null default tenant_now(),
  check (used + revoked <= quantity)
);
create index entitlements_user on entitlements (user_id, item);
create index entitlements_newest on entitlements (user_id, id);
-- Units of limited items that are sold now.
create table item_sales (
  item text primary key,
  sold bigint not null default 0 check (sold >= 0)
);

-- A process of a version before loses what it does not know: kinds, expiries, holds. Its writes are refused with a
-- code that it takes for an outage; this version says who it is in every transaction (shared/db/pool.ts).
create function refuse_writer_before_microtransactions() returns trigger language plpgsql as $$
begin
  raise exception 'this process does not know holds and expiry: restart it with the new version' using errcode = '57P03';
end $$;
drop trigger wallets_with_lots on wallets;
drop function refuse_writer_without_lots();
create trigger wallets_writer before update of balance, lots on wallets for each row
  when (current_setting('coinlane.writer', true) is distinct from '8')
  execute function refuse_writer_before_microtransactions();
create trigger operations_writer before update of status on operations for each row
  when (new.kind in ('transfer', 'hold', 'capture', 'release', 'exchange', 'expiry', 'consume')
    and current_setting('coinlane.writer', true) is distinct from '8')
  execute function refuse_writer_before_microtransactions();

grant select, insert, update on holds, entitlements, item_sales to coinlane_app;
grant select, insert, delete on arrivals to coinlane_app;
grant select, update on clock to coinlane_app;
