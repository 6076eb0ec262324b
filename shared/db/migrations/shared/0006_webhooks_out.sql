-- What leaves for tenants' own servers: endpoints, messages, one delivery per message and endpoint; and alerts.

create table coinlane.webhook_endpoints (
  id uuid primary key,
  tenant text not null references coinlane.tenants,
  url text not null,
  description text,
  -- Types of events that it gets; empty: all.
  event_types text[] not null default '{}',
  status text not null default 'enabled' check (status in ('enabled', 'disabled')),
  disabled_reason text,
  disabled_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index webhook_endpoints_tenant on coinlane.webhook_endpoints (tenant, id);

-- Of each endpoint the one that signs for good, and the one before while both count.
create table coinlane.webhook_secrets (
  id uuid primary key,
  tenant text not null references coinlane.tenants,
  endpoint_id uuid not null references coinlane.webhook_endpoints on delete cascade,
  sealed text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz
);
create index webhook_secrets_endpoint on coinlane.webhook_secrets (endpoint_id, id);

create table coinlane.webhook_messages (
  id uuid primary key,
  tenant text not null references coinlane.tenants,
  -- Why it exists, such as operation:<id>: one cause is one message, however often its event is seen.
  cause text not null,
  type text not null,
  -- The very text that is signed and sent, at every attempt.
  payload text not null,
  created_at timestamptz not null default now(),
  unique (tenant, cause)
);
create index webhook_messages_age on coinlane.webhook_messages (created_at);

create table coinlane.webhook_deliveries (
  id uuid primary key,
  tenant text not null references coinlane.tenants,
  message_id uuid not null references coinlane.webhook_messages on delete cascade,
  endpoint_id uuid not null references coinlane.webhook_endpoints on delete cascade,
  status text not null default 'waiting' check (status in ('waiting', 'delivered', 'failed')),
  -- Grows with every replay: a job of an earlier round finds nothing to do.
  round integer not null default 1,
  attempts integer not null default 0,
  next_at timestamptz not null default now(),
  give_up_at timestamptz not null,
  -- The latest attempts, oldest first: [{at, code, detail, ms}].
  log jsonb not null default '[]',
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  unique (message_id, endpoint_id)
);
create index webhook_deliveries_endpoint on coinlane.webhook_deliveries (endpoint_id, id);
create index webhook_deliveries_waiting on coinlane.webhook_deliveries (next_at) where status = 'waiting';
create index webhook_deliveries_backlog on coinlane.webhook_deliveries (endpoint_id) where status = 'waiting';
create index webhook_deliveries_failed on coinlane.webhook_deliveries (endpoint_id, id) where status = 'failed';

-- Outcomes of one settled batch, of tenants that watch their share of refusals; kept as long as a window may be.
create table coinlane.outcome_counts (
  tenant text not null references coinlane.tenants,
  batch_id uuid not null,
  at timestamptz not null default now(),
  settled integer not null,
  rejected integer not null,
  primary key (tenant, batch_id)
);
create index outcome_counts_window on coinlane.outcome_counts (tenant, at);

create table coinlane.alerts (
  id uuid primary key,
  tenant text not null references coinlane.tenants,
  rule text not null,
  -- What it is about, such as the code of a coin.
  subject text not null,
  detail jsonb not null,
  raised_at timestamptz not null default now(),
  cleared_at timestamptz
);
-- One crossing is one alert, also when two processes see it.
create unique index alerts_open on coinlane.alerts (tenant, rule, subject) where cleared_at is null;

grant select, insert, update, delete on coinlane.webhook_endpoints, coinlane.webhook_secrets,
  coinlane.webhook_messages, coinlane.webhook_deliveries, coinlane.outcome_counts, coinlane.alerts to coinlane_app;
