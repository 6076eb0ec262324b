-- Tenants to try things out: only they may move their clock.
alter table coinlane.tenants add column sandbox boolean not null default false;
