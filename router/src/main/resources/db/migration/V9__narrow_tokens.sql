-- Tokens from before V5 that name no role were good for every role, superusers among them. Those of one branch or baseline let
-- nobody in until a start of Vela, which knows the roles there, has named one ("narrow"). Those of the whole system, which has no
-- one role, no longer connect; they keep the right to use the REST API, and without it they are revoked.

alter table token
  add column narrow boolean not null default false;

create temporary table token_before on commit drop as
  select id from token
  where not revoked
    and roles = '{}'
    and 'connect' = any (rights)
    and created_at < (select installed_on from flyway_schema_history where version = '5');

update token set narrow = true
  where id in (select id from token_before) and (branch is not null or baseline is not null);

update token set revoked = true
  where id in (select id from token_before) and branch is null and baseline is null and not 'admin' = any (rights);

update token set rights = array['admin']
  where id in (select id from token_before) and branch is null and baseline is null and 'admin' = any (rights);
