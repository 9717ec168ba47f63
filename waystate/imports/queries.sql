-- The database of a seeds' State Manager, which is only read. Its tables differ from seed to seed, so rows are taken whole, as JSON.

-- name: list_columns
-- Wherever the login's search path finds the two tables.
SELECT c.relname AS table_name, a.attname AS name
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE a.attrelid IN (to_regclass('conversation_mappings'), to_regclass('message_tracking')) AND a.attnum > 0 AND NOT a.attisdropped;

-- name: get_time_zone$
-- In which the columns without a time zone were written, as far as the server knows.
SELECT current_setting('TimeZone');

-- name: list_tenants
-- Of seed 001; seed 000 has none.
SELECT DISTINCT t.tenant FROM (SELECT to_jsonb(m) ->> 'tenant_id' AS tenant FROM conversation_mappings m) AS t
WHERE t.tenant IS NOT NULL ORDER BY t.tenant;

-- name: summarize^
-- What is to be read, and the month from which there are messages; `floor` leaves out times that cannot be right.
WITH mappings AS MATERIALIZED (
    SELECT to_jsonb(m) AS row FROM conversation_mappings m
), messages AS MATERIALIZED (
    SELECT coalesce(to_jsonb(m) ->> 'created_at', to_jsonb(m) ->> 'updated_at') AS created_at FROM message_tracking m
)
SELECT
    count(*) AS mappings,
    count(*) FILTER (WHERE coalesce(m.row ->> 'phone_number_id', '') = '') AS numberless,
    (SELECT count(*) FROM messages) AS messages,
    (SELECT min(g.created_at) FROM messages g WHERE g.created_at >= :floor) AS since
FROM mappings m
WHERE :tenant::text IS NULL OR m.row ->> 'tenant_id' = :tenant;

-- name: list_mappings
-- The latest first, so that of several active ones of a customer that one stays open. Each says what all rows of its customer say:
-- since when they are known, and what they are called. `copy`: which one it is of the rows with this key.
WITH found AS MATERIALIZED (
    SELECT to_jsonb(m) AS row FROM conversation_mappings m
), mine AS (
    SELECT f.row, f.row ->> 'id' AS id, f.row ->> 'created_at' AS created_at, f.row ->> 'last_activity_at' AS active_at,
        nullif(f.row ->> 'contact_name', '') AS name, coalesce(nullif(f.row ->> :key, ''), f.row ->> 'id') AS key,
        regexp_replace(f.row ->> 'wa_id', '[^0-9A-Za-z.]', '', 'g') AS customer
    FROM found f WHERE :tenant::text IS NULL OR f.row ->> 'tenant_id' = :tenant
)
SELECT m.row::text AS row, min(m.created_at) OVER (PARTITION BY m.customer) AS known_since,
    first_value(m.name) OVER (PARTITION BY m.customer ORDER BY m.name IS NULL, m.active_at DESC NULLS LAST, m.id) AS name,
    row_number() OVER (PARTITION BY m.key ORDER BY m.active_at DESC NULLS LAST, m.id) AS copy
FROM mine m
ORDER BY m.active_at DESC NULLS LAST, m.id;

-- name: list_messages
-- Oldest first. Seed 001 lets a message's tenant be left out: it is its mapping's. `copy`: which of the message's rows it is.
WITH found AS MATERIALIZED (
    SELECT to_jsonb(m) AS row FROM message_tracking m
), owners AS MATERIALIZED (
    SELECT o.row ->> :key AS key, min(o.row ->> 'tenant_id') AS tenant
    FROM (SELECT to_jsonb(c) AS row FROM conversation_mappings c) AS o GROUP BY 1
), mine AS (
    SELECT f.row, f.row ->> 'id' AS id, f.row ->> 'created_at' AS created_at,
        coalesce(nullif(f.row ->> 'wamid', ''), nullif(f.row ->> 'meta_message_id', ''),
            'genesys ' || nullif(f.row ->> 'genesys_message_id', ''), 'row ' || (f.row ->> 'id')) AS message
    FROM found f LEFT JOIN owners o ON o.key = f.row ->> :link
    WHERE :tenant::text IS NULL OR coalesce(f.row ->> 'tenant_id', o.tenant, :tenant) = :tenant
)
SELECT m.row::text AS row, row_number() OVER (PARTITION BY m.message ORDER BY m.created_at, m.id) AS copy
FROM mine m
ORDER BY m.created_at, m.id;
