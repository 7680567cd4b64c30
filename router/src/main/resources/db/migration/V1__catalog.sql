-- The catalogue: what Vela knows beyond one process. Ids of snapshots and clones are the agent's.

create table baseline (
  name         text primary key check (name ~ '^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$'),
  snapshot     text not null,
  created_at   timestamptz not null default now(),
  refreshed_at timestamptz not null default now()
);

create table snapshot (
  id         text primary key check (id ~ '^[0-9a-f]{16}$'),
  baseline   text not null references baseline (name),
  created_at timestamptz not null default now()
);

create index on snapshot (baseline);

-- Deferred: a new baseline and its first snapshot refer to each other and come in one transaction.
alter table baseline
  add foreign key (snapshot) references snapshot (id) deferrable initially deferred;

create table branch (
  id            bigint generated always as identity primary key,
  name          text not null unique check (name ~ '^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$'),
  clone         text not null unique check (clone ~ '^[0-9a-f]{16}$'),
  snapshot      text not null references snapshot (id),
  baseline      text not null references baseline (name),
  phase         text not null check (phase in ('creating', 'ready', 'deleting')),
  suspend_after_ms bigint check (suspend_after_ms > 0),
  created_at    timestamptz not null default now()
);

create index on branch (snapshot);
create index on branch (baseline);

-- Of a token only its SCRAM verifier is kept.
create table token (
  id         text primary key check (id ~ '^[a-z0-9]{4,16}$'),
  verifier   text not null check (verifier like 'SCRAM-SHA-256$%'),
  branch     bigint references branch (id) on delete cascade,
  role       text,
  expires_at timestamptz,
  revoked    boolean not null default false,
  created_at timestamptz not null default now()
);

create index on token (branch);

create table event (
  id      bigint generated always as identity primary key,
  at      timestamptz not null default now(),
  kind    text not null,
  subject text not null,
  detail  text not null
);

create function event_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'events are never changed';
end $$;

create trigger event_is_append_only before update or delete on event
  for each statement execute function event_is_append_only();

-- Whoever changes a token, by hand or by Vela, caches hear of it.
create function tell_of_token() returns trigger language plpgsql as $$
begin
  perform pg_notify('vela', 'token ' || coalesce(new.id, old.id));
  return null;
end $$;

create trigger tell_of_token after insert or update or delete on token
  for each row execute function tell_of_token();
