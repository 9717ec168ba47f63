-- name: insert_installation!
-- Of processes that start at once on a new database, one gives the secret.
INSERT INTO installation (secret) VALUES (:secret) ON CONFLICT DO NOTHING;

-- name: find_installation$
SELECT t.secret FROM installation t WHERE t.id = 1;

-- name: list_tenants
-- All of them, suspended ones and the platform's own too: a secret that is left behind cannot be opened later.
SELECT t.id FROM tenants t ORDER BY t.id LIMIT :batch;

-- name: list_global_cells
-- In pages, behind a place: what cannot be opened stays as it is, and must not come again for ever.
SELECT c.table_name, c.column_name, c.row, c.value FROM (
    SELECT 'installation' AS table_name, 'secret' AS column_name, t.id::text AS row, t.secret AS value FROM installation t
    UNION ALL
    SELECT 'meta_apps' AS table_name, 'app_secret' AS column_name, t.id AS row, t.app_secret AS value FROM meta_apps t
    UNION ALL
    SELECT 'meta_apps' AS table_name, 'verify_token' AS column_name, t.id AS row, t.verify_token AS value FROM meta_apps t
    UNION ALL
    SELECT 'users' AS table_name, 'totp_secret' AS column_name, t.id::text AS row, t.totp_secret AS value FROM users t
        WHERE t.totp_secret IS NOT NULL
) AS c
WHERE substring(c.value FROM 1 FOR length(:header::bytea)) <> :header::bytea
    AND (c.table_name, c.column_name, c.row) > (:table_name::text, :column_name::text, :row::text)
ORDER BY c.table_name, c.column_name, c.row LIMIT :batch::int;

-- name: count_global_cells
-- By key id, which every value says in clear.
SELECT CASE WHEN length(c.value) >= 2 THEN encode(substring(c.value FROM 3 FOR get_byte(c.value, 1)), 'escape') ELSE '' END AS key_id,
    count(*) AS items
FROM (
    SELECT t.secret AS value FROM installation t
    UNION ALL
    SELECT t.app_secret AS value FROM meta_apps t
    UNION ALL
    SELECT t.verify_token AS value FROM meta_apps t
    UNION ALL
    SELECT t.totp_secret AS value FROM users t
        WHERE t.totp_secret IS NOT NULL
) AS c
GROUP BY 1;

-- name: list_tenants_cells
-- In pages, behind a place: what cannot be opened stays as it is, and must not come again for ever.
SELECT c.table_name, c.column_name, c.row, c.value FROM (
    SELECT 'whatsapp_accounts' AS table_name, 'access_token' AS column_name, t.id::text AS row, t.access_token AS value FROM whatsapp_accounts t
        WHERE t.tenant_id = :tenant_id
    UNION ALL
    SELECT 'genesys_integrations' AS table_name, 'client_secret' AS column_name, t.id::text AS row, t.client_secret AS value FROM genesys_integrations t
        WHERE t.tenant_id = :tenant_id
    UNION ALL
    SELECT 'genesys_integrations' AS table_name, 'webhook_secret' AS column_name, t.id::text AS row, t.webhook_secret AS value FROM genesys_integrations t
        WHERE t.tenant_id = :tenant_id
    UNION ALL
    SELECT 'genesys_integrations' AS table_name, 'event_secret' AS column_name, t.id::text AS row, t.event_secret AS value FROM genesys_integrations t
        WHERE t.tenant_id = :tenant_id AND t.event_secret IS NOT NULL
    UNION ALL
    SELECT 'identity_providers' AS table_name, 'client_secret' AS column_name, t.tenant_id AS row, t.client_secret AS value FROM identity_providers t
        WHERE t.tenant_id = :tenant_id
) AS c
WHERE substring(c.value FROM 1 FOR length(:header::bytea)) <> :header::bytea
    AND (c.table_name, c.column_name, c.row) > (:table_name::text, :column_name::text, :row::text)
ORDER BY c.table_name, c.column_name, c.row LIMIT :batch::int;

-- name: count_tenants_cells
-- By key id, which every value says in clear.
SELECT CASE WHEN length(c.value) >= 2 THEN encode(substring(c.value FROM 3 FOR get_byte(c.value, 1)), 'escape') ELSE '' END AS key_id,
    count(*) AS items
FROM (
    SELECT t.access_token AS value FROM whatsapp_accounts t
        WHERE t.tenant_id = :tenant_id
    UNION ALL
    SELECT t.client_secret AS value FROM genesys_integrations t
        WHERE t.tenant_id = :tenant_id
    UNION ALL
    SELECT t.webhook_secret AS value FROM genesys_integrations t
        WHERE t.tenant_id = :tenant_id
    UNION ALL
    SELECT t.event_secret AS value FROM genesys_integrations t
        WHERE t.tenant_id = :tenant_id AND t.event_secret IS NOT NULL
    UNION ALL
    SELECT t.client_secret AS value FROM identity_providers t
        WHERE t.tenant_id = :tenant_id
) AS c
GROUP BY 1;

-- name: reseal_installation_secret
-- Only while it is what was read: whoever changed it meanwhile sealed it anew.
UPDATE installation t SET secret = v.new FROM unnest(:rows::text[], :before::bytea[], :after::bytea[]) AS v (row, old, new)
WHERE t.id = v.row::smallint AND t.secret = v.old RETURNING 1;

-- name: reseal_meta_apps_app_secret
-- As above.
UPDATE meta_apps t SET app_secret = v.new FROM unnest(:rows::text[], :before::bytea[], :after::bytea[]) AS v (row, old, new)
WHERE t.id = v.row AND t.app_secret = v.old RETURNING 1;

-- name: reseal_meta_apps_verify_token
-- As above.
UPDATE meta_apps t SET verify_token = v.new FROM unnest(:rows::text[], :before::bytea[], :after::bytea[]) AS v (row, old, new)
WHERE t.id = v.row AND t.verify_token = v.old RETURNING 1;

-- name: reseal_users_totp_secret
-- As above.
UPDATE users t SET totp_secret = v.new FROM unnest(:rows::text[], :before::bytea[], :after::bytea[]) AS v (row, old, new)
WHERE t.id = v.row::uuid AND t.totp_secret = v.old RETURNING 1;

-- name: reseal_whatsapp_accounts_access_token
-- As above.
UPDATE whatsapp_accounts t SET access_token = v.new FROM unnest(:rows::text[], :before::bytea[], :after::bytea[]) AS v (row, old, new)
WHERE t.tenant_id = :tenant_id AND t.id = v.row::uuid AND t.access_token = v.old RETURNING 1;

-- name: reseal_genesys_integrations_client_secret
-- As above.
UPDATE genesys_integrations t SET client_secret = v.new FROM unnest(:rows::text[], :before::bytea[], :after::bytea[]) AS v (row, old, new)
WHERE t.tenant_id = :tenant_id AND t.id = v.row::uuid AND t.client_secret = v.old RETURNING 1;

-- name: reseal_genesys_integrations_webhook_secret
-- As above.
UPDATE genesys_integrations t SET webhook_secret = v.new FROM unnest(:rows::text[], :before::bytea[], :after::bytea[]) AS v (row, old, new)
WHERE t.tenant_id = :tenant_id AND t.id = v.row::uuid AND t.webhook_secret = v.old RETURNING 1;

-- name: reseal_genesys_integrations_event_secret
-- As above.
UPDATE genesys_integrations t SET event_secret = v.new FROM unnest(:rows::text[], :before::bytea[], :after::bytea[]) AS v (row, old, new)
WHERE t.tenant_id = :tenant_id AND t.id = v.row::uuid AND t.event_secret = v.old RETURNING 1;

-- name: reseal_identity_providers_client_secret
-- As above.
UPDATE identity_providers t SET client_secret = v.new FROM unnest(:rows::text[], :before::bytea[], :after::bytea[]) AS v (row, old, new)
WHERE t.tenant_id = :tenant_id AND t.tenant_id = v.row AND t.client_secret = v.old RETURNING 1;
