-- name: get_settings^
-- What the start looks at; reserved_connections is known from PostgreSQL 16 on.
SELECT current_setting('server_version_num')::int AS version,
    current_setting('fsync')::bool AS fsync,
    current_setting('full_page_writes')::bool AS full_page_writes,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0) AS connections,
    pg_is_in_recovery() AS is_standby;

-- name: get_time$
SELECT clock_timestamp();

-- name: has_version_table$
SELECT to_regclass('public.alembic_version') IS NOT NULL;

-- name: find_version$
SELECT version_num FROM public.alembic_version;

-- name: get_effective_role^
-- Owners and superusers walk through row-level security; so does whoever can become one without asking.
SELECT r.rolname AS name, r.rolsuper AS is_superuser, r.rolbypassrls AS bypasses_rls,
    (SELECT min(c.relname) FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relnamespace = 'public'::regnamespace
        AND pg_has_role(current_user, c.relowner, 'MEMBER')) AS owned_table
FROM pg_roles r WHERE r.rolname = current_user;

-- name: lock_partitions!
-- Every process that starts makes what is missing; the second waits, and then nothing is.
SELECT pg_advisory_xact_lock(7310575178854364275);

-- name: list_partitions
-- What is there already.
SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent::regclass::text IN ('webhook_ledger', 'events', 'messages', 'message_events', 'deliveries', 'delivery_attempts');

-- name: count_in_default$
-- Row-level security hides tenants' rows from the owner, so the statistics are asked; above zero a partition was missing.
SELECT coalesce(sum(s.n_tup_ins - s.n_tup_del), 0)::bigint FROM pg_stat_user_tables s
WHERE s.schemaname = 'public' AND s.relname LIKE '%\_default';

-- name: list_grown
-- Names need no quotes: they are ours. A table never analysed has -1 tuples.
SELECT c.oid::regclass::text AS name FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
WHERE s.schemaname = 'public' AND c.relkind = 'r' AND s.n_mod_since_analyze > greatest(500, 2 * c.reltuples)
    AND pg_has_role(c.relowner, 'USAGE');

-- name: notify!
-- Never in the transaction of a message: PostgreSQL commits those with a NOTIFY one after the other (measured: 40 % fewer commits).
SELECT pg_notify(:channel, :payload);

-- name: get_stock^
-- Before a backup or a restore: who asks, whether all rows are theirs to see, who else is here, and what there is.
SELECT session_user AS name, r.rolsuper OR r.rolbypassrls AS sees_all, current_setting('server_version_num')::int / 10000 AS major,
    (SELECT count(*) FROM pg_stat_activity a
        WHERE a.datname = current_database() AND a.application_name = 'waystate' AND a.pid <> pg_backend_pid()) AS others,
    (SELECT count(*) FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace) AS tables,
    (SELECT count(*) FROM unnest(:roles::text[]) AS v (name)
        WHERE NOT EXISTS (SELECT FROM pg_roles m WHERE m.rolname = v.name)
            OR NOT pg_has_role(session_user, v.name, 'MEMBER')) AS missing_roles
FROM pg_roles r WHERE r.rolname = session_user;

-- name: has_content$
-- Whether anything is in it that somebody put there: a new installation has the platform's tenant alone.
SELECT EXISTS (SELECT FROM tenants WHERE id <> 'platform') OR EXISTS (SELECT FROM webhook_ledger)
    OR EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM api_keys);

-- name: list_sessions
-- Of other clients, in words, by the name they give; psql runs it on the embedded server.
SELECT count(*) || ' session(s) of ' || coalesce(nullif(application_name, ''), 'a client without a name') AS session
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
GROUP BY application_name
ORDER BY application_name;
