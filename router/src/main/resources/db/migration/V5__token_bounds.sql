-- Tokens for a branch of a name, which need not be there yet; and since when a token is revoked, for pruning.

alter table token
  add column branch_name text check (branch_name ~ '^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$'),
  add column revoked_at timestamptz,
  add check (branch_name is null or (branch is null and baseline is null));

update token set revoked_at = now() where revoked;

-- Whoever revokes a token, by hand or by Vela.
create function date_revocation() returns trigger language plpgsql as $$
begin
  if new.revoked and new.revoked_at is null then
    new.revoked_at := now();
  end if;
  return new;
end $$;

create trigger date_revocation before insert or update on token
  for each row execute function date_revocation();
