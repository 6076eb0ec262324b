-- What all tenants share: the tenants themselves, their keys, the provider inbox, mail causes, audit.
-- Runs as the owner. The group role coinlane_app exists already and owns nothing.

create table coinlane.tenants (
  slug text primary key check (slug ~ '^[a-z][a-z0-9-]{1,30}$'),
  name text not null,
  status text not null default 'provisioning'
    check (status in ('provisioning', 'active', 'suspended', 'deleted')),
  -- The database that this tenant lives on; one today, several servers later.
  placement text not null default 'main',
  schema_version integer not null default 0,
  coin jsonb not null,
  settings jsonb not null default '{}',
  -- Sealed values by setting path; never readable through settings.
  sealed jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table coinlane.api_keys (
  id uuid primary key,
  tenant text not null references coinlane.tenants,
  name text not null,
  hash bytea not null unique,
  hint text not null,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  revoked_at timestamptz
);
create index api_keys_tenant on coinlane.api_keys (tenant, created_at);

create table coinlane.signing_keys (
  kid text primary key,
  tenant text not null references coinlane.tenants,
  algorithm text not null,
  public_jwk jsonb not null,
  private_sealed text not null,
  created_at timestamptz not null default now(),
  -- Signs until then; verifies a while longer.
  retired_at timestamptz
);
create index signing_keys_tenant on coinlane.signing_keys (tenant, created_at);

create table coinlane.provider_events (
  id uuid primary key,
  provider text not null,
  tenant text not null references coinlane.tenants,
  event_id text not null,
  kind text not null,
  headers jsonb not null,
  body bytea not null,
  status text not null default 'received'
    check (status in ('received', 'processed', 'ignored', 'parked', 'failed')),
  attempts integer not null default 0,
  detail text,
  received_at timestamptz not null default now(),
  processed_at timestamptz,
  unique (provider, tenant, event_id)
);
create index provider_events_open on coinlane.provider_events (received_at)
  where status in ('received', 'parked');

-- One row per mail that somebody is owed: what keeps a cause from making two of them
-- (docs/decisions/0004-mail-once.md).
create table coinlane.mails (
  tenant text not null references coinlane.tenants,
  -- Why the mail exists, such as purchase:<operation id>.
  cause text not null,
  template text not null,
  status text not null
    check (status in ('sending', 'waiting', 'sent', 'skipped', 'failed', 'in_doubt')),
  -- The attempt that sends, or sent last: only it may write how it ended.
  claim uuid,
  attempts integer not null default 0,
  detail text,
  -- The job and its key in the queue, so that a queue that lost its data can be given it again.
  job jsonb,
  queue_key text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant, cause)
);
create index mails_waiting on coinlane.mails (updated_at) where status = 'waiting';

create table coinlane.audit (
  id bigint generated always as identity primary key,
  tenant text,
  actor text not null,
  action text not null,
  target text,
  detail jsonb not null default '{}',
  at timestamptz not null default clock_timestamp()
);
create index audit_tenant on coinlane.audit (tenant, id);

create function coinlane.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;

create trigger audit_append_only before update or delete or truncate on coinlane.audit
  for each statement execute function coinlane.refuse_change();

grant usage on schema coinlane to coinlane_app;
grant select, insert, update on coinlane.tenants, coinlane.api_keys, coinlane.signing_keys,
  coinlane.provider_events, coinlane.mails to coinlane_app;
grant select, insert on coinlane.audit to coinlane_app;
