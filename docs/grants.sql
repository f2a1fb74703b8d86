-- What the service needs of the database that it shares with Django, and no more.
--
-- Run it as the owner of the tables, after `migrate` and again after each new version of either:
--   psql -v ON_ERROR_STOP=1 "$OWNER_URL" -f docs/grants.sql
--
-- The role must be there: create role user_admin_service login password '…';
-- Another name, another schema than public, or tables that are called otherwise (AUTH_USER_MODEL, AUTH_…_TABLE):
-- change them here as well.

begin;

grant usage on schema public, user_admin to user_admin_service;

-- Users and groups are read, made, changed and deleted.
grant select, insert, update, delete on auth_user, auth_group to user_admin_service;
-- Who is in which group, and who holds which permission: rows come and go, and none is changed.
grant select, insert, delete on auth_user_groups, auth_user_user_permissions, auth_group_permissions
  to user_admin_service;
-- Which permissions there are, and what they are about. They are Django's to make.
grant select on auth_permission, django_content_type to user_admin_service;
-- A permission that is given is locked against deletion meanwhile, and PostgreSQL asks for UPDATE of one column to lock a
-- row. Nothing is written there.
grant update (id) on auth_permission to user_admin_service;

-- Our own tables. Whether the migrations are done:
grant select on user_admin.migration to user_admin_service;
-- Who calls; a key is revoked, or goes with its user. Keys are made by the command line, as the owner.
grant select, delete on user_admin.api_key to user_admin_service;
grant update (revoked_at) on user_admin.api_key to user_admin_service;
-- What entity tags and idempotency keys are made with.
grant select on user_admin.secret to user_admin_service;
-- Answers to requests with an idempotency key, kept for a day.
grant select, insert, update, delete on user_admin.idempotent_answer to user_admin_service;
-- How many requests came, where replicas count together (RATE_LIMIT_SHARED).
grant select, insert, update, delete on user_admin.request_count to user_admin_service;
-- What happened is added to, and never changed.
grant select, insert on user_admin.audit_event to user_admin_service;
grant select on user_admin.audit_retention to user_admin_service;

-- With AUDIT_RETENTION_DAYS old events are removed:
-- grant delete on user_admin.audit_event to user_admin_service;
-- grant update on user_admin.audit_retention to user_admin_service;

do $$
declare
  numbered text[] := array['auth_user', 'auth_group', 'auth_user_groups', 'auth_user_user_permissions', 'auth_group_permissions'];
  sequence text;
begin
  -- Tokens of Django REST Framework: to take them, and to end those of users who are deactivated or deleted.
  if to_regclass('authtoken_token') is not null then
    grant select, delete on authtoken_token to user_admin_service;
  end if;

  -- The log of Django's admin site: entries go with their user, and with DJANGO_ADMIN_LOG=on they are made.
  if to_regclass('django_admin_log') is not null then
    grant select, insert, delete on django_admin_log to user_admin_service;
    numbered := numbered || 'django_admin_log'::text;
  end if;

  -- Tables that Django before 4.1 has made take their ids from sequences, whose use is a right of its own. Identity
  -- columns ask for none.
  for sequence in
    select own.sequence from unnest(numbered) as name
    join pg_attribute on attrelid = to_regclass(name) and attname = 'id' and attidentity = ''
    cross join pg_get_serial_sequence(name, 'id') as own (sequence)
    where own.sequence is not null
  loop
    execute format('grant usage on sequence %s to user_admin_service', sequence);
  end loop;
end
$$;

commit;
