-- Tokens grant rights, may be good for a baseline, and may be bound to several roles.

alter table token
  add column baseline text references baseline (name) on delete cascade,
  add column roles text[] not null default '{}',
  add column rights text[] not null default '{}'
    check (rights <@ array['connect', 'create', 'admin']),
  add check (branch is null or baseline is null);

update token set
  roles = case when role is null then '{}' else array[role] end,
  rights = case when branch is null then array['connect', 'create', 'admin'] else array['connect'] end;

alter table token
  alter column rights drop default,
  drop column role,
  add check (cardinality(rights) > 0);

create index on token (baseline);
