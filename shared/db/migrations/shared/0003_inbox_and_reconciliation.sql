-- The provider inbox tells a forged event from a failed one; reconciliation keeps what each run found.

alter table coinlane.provider_events drop constraint provider_events_status_check;
alter table coinlane.provider_events add constraint provider_events_status_check
  check (status in ('received', 'processed', 'ignored', 'parked', 'failed', 'forged'));
create index provider_events_tenant on coinlane.provider_events (tenant, received_at);

create table coinlane.reconciliations (
  id uuid primary key,
  tenant text not null references coinlane.tenants,
  provider text not null,
  -- The span of the provider's changes that was compared.
  from_at timestamptz not null,
  to_at timestamptz not null,
  status text not null default 'running' check (status in ('running', 'done', 'failed')),
  -- Objects seen, what was repaired, and per currency the provider's money beside the ledger's.
  report jsonb not null default '{}',
  detail text,
  started_at timestamptz not null default now(),
  finished_at timestamptz
);
create index reconciliations_tenant on coinlane.reconciliations (tenant, provider, to_at);

grant select, insert, update on coinlane.reconciliations to coinlane_app;
