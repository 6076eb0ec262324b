-- Keys that rotate with an overlap, states that are used once, and the counters of rate limits.

alter table coinlane.api_keys
  -- Set when a successor was made: both work until then.
  add column expires_at timestamptz;

alter table coinlane.signing_keys
  -- Published from the start, signs from then on: verifiers that cache the set know it by that time.
  add column activates_at timestamptz not null default now(),
  -- Set by an emergency: nothing that it signed counts any more.
  add column revoked_at timestamptz;

-- What may be used once and is not stored until it is: states of OAuth, challenges of passkeys and of logins.
create table coinlane.used_tokens (
  hash bytea primary key,
  tenant text not null,
  purpose text not null,
  expires_at timestamptz not null
);
create index used_tokens_expired on coinlane.used_tokens (expires_at);

-- Not logged: counters are written at every login, and a crash of Postgres may forget them.
create unlogged table coinlane.rate_limits (
  key varchar(255) primary key,
  points integer not null default 0,
  expire bigint
);
create index rate_limits_expired on coinlane.rate_limits (expire);

-- Whose mail it is: a job is emptied once its mail has left, since it may hold an address.
alter table coinlane.mails add column user_id uuid;
update coinlane.mails set user_id = (job->>'userId')::uuid where job->>'userId' is not null;

create index audit_action on coinlane.audit (tenant, action, id);

grant select, insert, delete on coinlane.used_tokens to coinlane_app;
grant select, insert, update, delete on coinlane.rate_limits to coinlane_app;
