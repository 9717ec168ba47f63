-- name: upsert_tenants
-- Set-up runs again and again: a row that says the same already is left alone, so it makes no dead tuples and no noise.
INSERT INTO tenants AS t (id, name, settings, quotas)
SELECT v.* FROM unnest(:ids::text[], :names::text[], :settings::jsonb[], :quotas::jsonb[]) AS v
ON CONFLICT (id) DO UPDATE SET name = excluded.name, settings = excluded.settings, quotas = excluded.quotas
    WHERE (t.name, t.settings, t.quotas) IS DISTINCT FROM (excluded.name, excluded.settings, excluded.quotas)
        AND t.deletion IS NULL
RETURNING t.id;

-- name: insert_tenants
-- Those whose id was free; the primary key decides between two that choose one at once.
INSERT INTO tenants (id, name, settings, quotas)
SELECT v.* FROM unnest(:ids::text[], :names::text[], :settings::jsonb[], :quotas::jsonb[]) AS v
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: change_status
-- Only what is in another status: of two that do the same at once, one has done it. What is being deleted stays as it is.
UPDATE tenants t SET status = :status
WHERE t.id = ANY(:ids::text[]) AND t.id <> 'platform' AND t.status <> :status AND t.deletion IS NULL
RETURNING t.id;

-- name: find_statuses
-- Asked once a second for each tenant that somebody calls or delivers for. What is being deleted is no tenant any more.
SELECT t.id, t.status FROM tenants t WHERE t.id = ANY(:ids::text[]) AND t.deletion IS NULL;

-- name: find_tenants
-- Settings of the named tenants; a name that is missing from the answer is no tenant.
SELECT t.id, t.name, t.settings, t.quotas, CASE WHEN t.deletion IS NULL THEN t.status ELSE 'deleting' END AS status
FROM tenants t WHERE t.id = ANY(:ids::text[]);

-- name: list_tenants
-- Pages by id. Two rows also answer whether there is only one tenant. The platform's own has no customers.
SELECT t.id, t.name, t.settings, t.quotas, CASE WHEN t.deletion IS NULL THEN t.status ELSE 'deleting' END AS status
FROM tenants t
WHERE t.id <> 'platform' AND (:after::text IS NULL OR t.id > :after) AND (:with_deleting::boolean OR t.deletion IS NULL)
ORDER BY t.id LIMIT :page::int;

-- name: lock_tenant^
-- Two set-ups of one tenant take turns: each seals secrets under the row id it read, so nobody may choose that id meanwhile.
SELECT t.id FROM tenants t WHERE t.id = :tenant_id AND t.deletion IS NULL FOR NO KEY UPDATE;

-- name: find_meta_apps
-- The callback's path names the app and so picks its secret, before a byte of the body is read.
SELECT m.id, m.app_secret, m.verify_token FROM meta_apps m WHERE m.id = ANY(:ids::text[]);

-- name: list_meta_apps
-- There are few: an app serves many numbers and tenants.
SELECT m.id FROM meta_apps m ORDER BY m.id;

-- name: upsert_meta_apps!
-- Only changed apps come here: a sealed secret differs each time, so SQL could not tell.
INSERT INTO meta_apps (id, app_secret, verify_token)
SELECT v.id, v.app_secret, v.verify_token
FROM unnest(:ids::text[], :app_secrets::bytea[], :verify_tokens::bytea[]) AS v (id, app_secret, verify_token)
ON CONFLICT (id) DO UPDATE SET app_secret = excluded.app_secret, verify_token = excluded.verify_token;

-- name: list_integrations
-- A tenant has few of them, so they are read whole and picked from in the process.
SELECT g.id, g.integration_id, g.region, g.api_url, g.login_url, g.client_id, g.client_secret, g.webhook_secret,
    g.event_secret, g.limits, g.sender, g.receipts, g.prefetch_conversation_id
FROM genesys_integrations g WHERE g.tenant_id = :tenant_id ORDER BY g.integration_id;

-- name: upsert_integrations!
-- Only changed ones come here, under the tenant's lock.
INSERT INTO genesys_integrations AS g
    (tenant_id, id, integration_id, region, api_url, login_url, client_id, client_secret, webhook_secret, event_secret, limits,
        sender, receipts, prefetch_conversation_id)
SELECT :tenant_id, v.* FROM unnest(:ids::uuid[], :integration_ids::text[], :regions::text[], :api_urls::text[], :login_urls::text[],
    :client_ids::text[], :client_secrets::bytea[], :webhook_secrets::bytea[], :event_secrets::bytea[],
    :limits::jsonb[], :senders::text[], :receipts::text[], :prefetches::boolean[]) AS v
ON CONFLICT (tenant_id, id) DO UPDATE SET region = excluded.region, api_url = excluded.api_url, login_url = excluded.login_url,
    client_id = excluded.client_id, client_secret = excluded.client_secret, webhook_secret = excluded.webhook_secret,
    event_secret = excluded.event_secret, limits = excluded.limits, sender = excluded.sender, receipts = excluded.receipts,
    prefetch_conversation_id = excluded.prefetch_conversation_id;

-- name: remove_integrations
-- Its number goes on without Genesys.
WITH freed AS (
    UPDATE whatsapp_accounts a SET genesys_integration_id = NULL
    FROM genesys_integrations g
    WHERE a.tenant_id = :tenant_id AND g.tenant_id = :tenant_id AND a.genesys_integration_id = g.id
        AND g.integration_id = ANY(:integration_ids::text[])
)
DELETE FROM genesys_integrations g WHERE g.tenant_id = :tenant_id AND g.integration_id = ANY(:integration_ids::text[])
RETURNING g.integration_id;

-- name: list_accounts
-- A tenant has few of them, so they are read whole and picked from in the process.
SELECT a.id, a.phone_number_id, a.display_phone_number, a.business_account_id, a.meta_app_id, a.api_url, a.access_token, a.limits,
    a.genesys_integration_id, a.sender, a.is_default, a.is_active
FROM whatsapp_accounts a WHERE a.tenant_id = :tenant_id ORDER BY a.phone_number_id;

-- name: vacate_accounts!
-- The default mark and an integration can move between two numbers of one batch; unique indexes look after each row, so both are
-- let go of first.
UPDATE whatsapp_accounts a SET is_default = false, genesys_integration_id = NULL
WHERE a.tenant_id = :tenant_id AND a.id = ANY(:ids::uuid[]);

-- name: upsert_accounts!
-- Only changed ones come here, under the tenant's lock.
INSERT INTO whatsapp_accounts AS a (tenant_id, id, phone_number_id, display_phone_number, business_account_id, meta_app_id, api_url,
    access_token, limits, genesys_integration_id, sender, is_default, is_active)
SELECT :tenant_id, v.* FROM unnest(:ids::uuid[], :phone_number_ids::text[], :display_phone_numbers::text[],
    :business_account_ids::text[], :meta_app_ids::text[], :api_urls::text[], :access_tokens::bytea[], :limits::jsonb[],
    :genesys_integration_ids::uuid[], :senders::text[], :defaults::boolean[], :actives::boolean[]) AS v
ON CONFLICT (tenant_id, id) DO UPDATE SET display_phone_number = excluded.display_phone_number,
    business_account_id = excluded.business_account_id, meta_app_id = excluded.meta_app_id, api_url = excluded.api_url,
    access_token = excluded.access_token, limits = excluded.limits, genesys_integration_id = excluded.genesys_integration_id,
    sender = excluded.sender, is_default = excluded.is_default, is_active = excluded.is_active;

-- name: remove_accounts
-- Conversations and messages of the number stay; they name it by its WhatsApp id.
DELETE FROM whatsapp_accounts a WHERE a.tenant_id = :tenant_id AND a.phone_number_id = ANY(:phone_number_ids::text[])
RETURNING a.phone_number_id;

-- name: list_numbers_of
-- The numbers that an integration serves.
SELECT a.phone_number_id FROM whatsapp_accounts a
JOIN genesys_integrations g ON g.tenant_id = :tenant_id AND g.id = a.genesys_integration_id
WHERE a.tenant_id = :tenant_id AND g.integration_id = :integration_id ORDER BY a.phone_number_id;

-- name: find_senders^
-- Who sends for a number, without the secrets of either side.
SELECT a.sender AS whatsapp, g.sender AS genesys
FROM whatsapp_accounts a LEFT JOIN genesys_integrations g ON g.tenant_id = :tenant_id AND g.id = a.genesys_integration_id
WHERE a.tenant_id = :tenant_id AND a.phone_number_id = :phone_number_id;

-- name: list_ways
-- What Waystate sends for each number.
SELECT a.phone_number_id, a.sender = 'waystate' AS to_whatsapp,
    a.sender = 'waystate' AND coalesce(g.sender = 'waystate', false) AS to_genesys
FROM whatsapp_accounts a LEFT JOIN genesys_integrations g ON g.tenant_id = :tenant_id AND g.id = a.genesys_integration_id
WHERE a.tenant_id = :tenant_id;

-- name: insert_former_ways!
-- Of changes between which nothing came, the first knows what was true when the newest event did.
INSERT INTO former_accounts (tenant_id, phone_number_id, until, to_whatsapp, to_genesys)
SELECT :tenant_id, v.phone_number_id, :until, v.to_whatsapp, v.to_genesys
FROM unnest(:phone_number_ids::text[], :to_whatsapp::boolean[], :to_genesys::boolean[])
    AS v (phone_number_id, to_whatsapp, to_genesys)
ON CONFLICT (tenant_id, phone_number_id, until) DO NOTHING;

-- name: list_former_ways
-- A tenant changes few numbers in its life.
SELECT f.phone_number_id, f.until, f.to_whatsapp, f.to_genesys FROM former_accounts f WHERE f.tenant_id = :tenant_id
ORDER BY f.phone_number_id, f.until;

-- name: prune_routes!
-- A route whose account is gone, or moved to another business account, would hold the id against its next owner.
DELETE FROM routes r WHERE r.tenant_id = :tenant_id AND NOT EXISTS (
    SELECT FROM whatsapp_accounts a WHERE a.tenant_id = :tenant_id AND a.id = r.account_id
        AND r.external_id = CASE r.kind WHEN 'phone_number_id' THEN a.phone_number_id WHEN 'waba' THEN a.business_account_id END
) AND NOT EXISTS (
    SELECT FROM genesys_integrations g WHERE g.tenant_id = :tenant_id AND g.id = r.account_id
        AND r.kind = 'genesys_integration' AND r.external_id = g.integration_id
);

-- name: claim_routes!
-- The primary key decides between two tenants that claim one id at once: the later waits for the earlier and then gets nothing.
INSERT INTO routes (kind, external_id, tenant_id, account_id, revision)
SELECT v.kind, v.external_id, :tenant_id, (min(v.account_id::text))::uuid, (SELECT d.revision FROM directory d WHERE d.is_only) FROM (
    SELECT 'phone_number_id', a.phone_number_id, a.id FROM whatsapp_accounts a WHERE a.tenant_id = :tenant_id
    UNION ALL SELECT 'waba', a.business_account_id, a.id FROM whatsapp_accounts a WHERE a.tenant_id = :tenant_id
    UNION ALL SELECT 'genesys_integration', g.integration_id, g.id FROM genesys_integrations g WHERE g.tenant_id = :tenant_id
) AS v (kind, external_id, account_id)
GROUP BY v.kind, v.external_id ORDER BY v.kind, v.external_id
ON CONFLICT (kind, external_id) DO NOTHING;

-- name: find_foreign_route^
-- What this tenant now names and another tenant already has. Whose it is stays unsaid.
SELECT r.kind, r.external_id FROM routes r WHERE r.tenant_id <> :tenant_id AND (
    (r.kind = 'phone_number_id' AND r.external_id IN (SELECT a.phone_number_id FROM whatsapp_accounts a WHERE a.tenant_id = :tenant_id))
    OR (r.kind = 'waba' AND r.external_id IN (SELECT a.business_account_id FROM whatsapp_accounts a WHERE a.tenant_id = :tenant_id))
    OR (r.kind = 'genesys_integration'
        AND r.external_id IN (SELECT g.integration_id FROM genesys_integrations g WHERE g.tenant_id = :tenant_id))
) ORDER BY r.kind, r.external_id LIMIT 1;

-- name: find_routes
-- Whose is an id of a platform, asked before a tenant is known; routes hold no secrets.
SELECT r.external_id, r.tenant_id, r.account_id, r.revision FROM routes r WHERE r.kind = :kind AND r.external_id = ANY(:external_ids::text[]);

-- name: list_route_keys
-- What reaches this tenant by itself, written as rejected webhooks name what they lacked.
SELECT 'phone_number_id:' || a.phone_number_id AS key FROM whatsapp_accounts a WHERE a.tenant_id = :tenant_id
UNION SELECT 'waba:' || a.business_account_id FROM whatsapp_accounts a WHERE a.tenant_id = :tenant_id
UNION SELECT 'genesys_integration:' || g.integration_id FROM genesys_integrations g WHERE g.tenant_id = :tenant_id;

-- name: get_revision$
-- One row, read by its key: what a process asks before it trusts its memory.
SELECT d.revision FROM directory d WHERE d.is_only;

-- name: hold_revision$
-- Who judges that something is nobody's keeps every change out until the judgement is written down.
SELECT d.revision FROM directory d WHERE d.is_only FOR SHARE;

-- name: raise_revision$
-- The row lock puts changes of all tenants in one line; they are rare.
UPDATE directory SET revision = revision + 1 WHERE is_only RETURNING revision;

-- name: note_revised!
-- Right after the revision was raised: its lock is held until the commit, so no two changes have one revision.
UPDATE tenants t SET revision = d.revision FROM directory d WHERE d.is_only AND t.id = ANY(:ids::text[]);

-- name: find_tenant_revision$
-- Of the last change of the tenant, its accounts, integrations and routes.
SELECT t.revision FROM tenants t WHERE t.id = :tenant_id;

-- name: hold_accounts
-- Of numbers that Waystate sends for; one that is held stays as it is, so that its beginning is told once.
INSERT INTO account_holds (tenant_id, phone_number_id, since, kind, told_by, error)
SELECT :tenant_id, v.phone_number_id, v.since, v.kind, v.told_by, v.error::jsonb
FROM unnest(:phone_number_ids::text[], :since::timestamptz[], :kinds::text[], :told_by::text[], :errors::text[])
    AS v (phone_number_id, since, kind, told_by, error)
JOIN whatsapp_accounts a ON a.tenant_id = :tenant_id AND a.phone_number_id = v.phone_number_id AND a.sender = 'waystate'
ORDER BY v.phone_number_id
ON CONFLICT (tenant_id, phone_number_id) DO NOTHING
RETURNING phone_number_id;

-- name: release_accounts
-- Only what was told by one of `told_by`: a send that is accepted proves nothing where accepted ones failed later.
DELETE FROM account_holds h
WHERE h.tenant_id = :tenant_id AND h.phone_number_id = ANY(:phone_number_ids::text[]) AND h.told_by = ANY(:told_by::text[])
RETURNING h.phone_number_id, h.since, h.kind, h.told_by, h.error;

-- name: list_holds
-- A handful at the most: the tenant's numbers that are held.
SELECT h.phone_number_id, h.since, h.kind, h.told_by, h.error FROM account_holds h
WHERE h.tenant_id = :tenant_id ORDER BY h.phone_number_id;

-- name: note_facts!
-- The newest word counts, in whatever order they come; of the tenant's numbers alone.
INSERT INTO account_facts AS f (tenant_id, phone_number_id, quality, quality_at, messaging_limit, messaging_limit_at)
SELECT :tenant_id, :phone_number_id, :quality::text, :quality_at::timestamptz, :messaging_limit::text, :messaging_limit_at::timestamptz
FROM whatsapp_accounts a WHERE a.tenant_id = :tenant_id AND a.phone_number_id = :phone_number_id
ON CONFLICT (tenant_id, phone_number_id) DO UPDATE SET
    quality = CASE WHEN excluded.quality_at >= coalesce(f.quality_at, '-infinity') THEN excluded.quality ELSE f.quality END,
    quality_at = greatest(f.quality_at, excluded.quality_at),
    messaging_limit = CASE WHEN excluded.messaging_limit_at >= coalesce(f.messaging_limit_at, '-infinity')
        THEN excluded.messaging_limit ELSE f.messaging_limit END,
    messaging_limit_at = greatest(f.messaging_limit_at, excluded.messaging_limit_at);

-- name: list_facts
-- A row at the most for each of the tenant's numbers.
SELECT f.phone_number_id, f.quality, f.quality_at, f.messaging_limit, f.messaging_limit_at FROM account_facts f
WHERE f.tenant_id = :tenant_id ORDER BY f.phone_number_id;

-- name: count_held
-- Of all tenants together.
SELECT kind, items FROM numbers_held();
