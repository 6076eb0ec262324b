-- Many operations by one request, and operations that the tenant's clock makes.

create table batches (
  id uuid primary key,
  -- Its first operation without a key of its own has this one too, so that no single operation can take it.
  idempotency_key text collate "C" not null unique,
  body_hash bytea not null,
  atomic boolean not null,
  -- The user who sent it; null: the platform.
  user_id uuid,
  -- By position: [{operationId} | {problem}].
  items jsonb not null default '[]',
  created_at timestamptz not null default tenant_now()
);

create table schedules (
  id uuid primary key,
  idempotency_key text collate "C" not null unique,
  body_hash bytea not null,
  kind text not null check (kind in ('grant', 'spend', 'transfer')),
  user_id uuid not null,
  wallet_id uuid not null,
  -- What each occurrence is journaled with, frozen when the schedule was made.
  draft jsonb not null,
  -- Occurrence n is n times the interval after the first: no month end is lost on the way.
  first_at timestamptz not null,
  -- ISO 8601; null: once.
  every text,
  -- No occurrence at or after this.
  until timestamptz,
  -- Occurrences that are left; null: no end.
  remaining integer check (remaining >= 0),
  -- Coins of an occurrence that are left at the next one are gone then.
  expire_unused boolean not null default false,
  -- The next occurrence, counted from 0, and when it is due.
  occurrence bigint not null default 0,
  next_at timestamptz,
  last_operation_id uuid,
  status text not null default 'active' check (status in ('active', 'paused', 'done', 'cancelled', 'failed')),
  reason text,
  created_at timestamptz not null default tenant_now(),
  updated_at timestamptz not null default tenant_now(),
  check (status <> 'active' or next_at is not null)
);
create index schedules_due on schedules (next_at, id) where status = 'active';
create index schedules_user on schedules (user_id, id);

grant select, insert, update on batches, schedules to coinlane_app;
