-- name: add_accounts!
-- The row that all who write an account's templates take turns by. New ones are due at once.
INSERT INTO template_syncs (tenant_id, business_account_id, due_at)
SELECT :tenant_id, v.business_account_id, :due_at FROM unnest(:business_account_ids::text[]) AS v (business_account_id)
ON CONFLICT (tenant_id, business_account_id) DO NOTHING;

-- name: lock_accounts
-- In one order, whoever asks for which.
SELECT s.business_account_id, s.synced_at, s.asked_at, s.due_at, s.error FROM template_syncs s
WHERE s.tenant_id = :tenant_id AND s.business_account_id = ANY(:business_account_ids::text[])
ORDER BY s.business_account_id FOR UPDATE;

-- name: list_syncs
-- A tenant has few accounts.
SELECT s.business_account_id, s.synced_at, s.asked_at, s.due_at, s.error FROM template_syncs s
WHERE s.tenant_id = :tenant_id AND s.business_account_id = ANY(:business_account_ids::text[]) ORDER BY s.business_account_id;

-- name: claim$
-- Of all processes that find an account due, or miss a template of it, one asks.
UPDATE template_syncs s SET asked_at = :now, due_at = :due_at
WHERE s.tenant_id = :tenant_id AND s.business_account_id = :business_account_id
    AND (s.due_at <= :due_by OR s.asked_at IS NULL OR s.asked_at <= :asked_by)
RETURNING s.business_account_id;

-- name: note_synced!
-- Under the account's lock, with what was listed.
UPDATE template_syncs s SET synced_at = :synced_at, due_at = :due_at, error = NULL
WHERE s.tenant_id = :tenant_id AND s.business_account_id = :business_account_id;

-- name: note_failed!
-- What is known stays known. A listing that began later and succeeded is not undone by one that failed late.
UPDATE template_syncs s SET error = :error, due_at = :due_at
WHERE s.tenant_id = :tenant_id AND s.business_account_id = :business_account_id
    AND (s.synced_at IS NULL OR s.synced_at < :asked_at);

-- name: note_due!
-- Sooner than it was, never later.
UPDATE template_syncs s SET due_at = :due_at
WHERE s.tenant_id = :tenant_id AND s.business_account_id = ANY(:business_account_ids::text[]) AND s.due_at > :due_at;

-- name: list_due
-- Business accounts of all tenants that were never listed, or are to be listed again; the longest due first.
SELECT r.tenant_id, r.external_id AS business_account_id FROM routes r
LEFT JOIN template_syncs_due() d ON d.tenant_id = r.tenant_id AND d.business_account_id = r.external_id
WHERE r.kind = 'waba' AND (d.due_at IS NULL OR d.due_at <= :now)
ORDER BY d.due_at NULLS FIRST, r.external_id LIMIT :batch;

-- name: list_of_account
-- All of them, to be compared with a listing; WhatsApp keeps 6,000 of an account at the most.
SELECT t.id, t.business_account_id, t.external_id, t.name, t.language, t.category, t.category_at, t.status, t.reason, t.status_at,
    t.quality, t.quality_at, t.parameter_format, t.components, t.components_at, t.changed_at, t.synced_at
FROM templates t WHERE t.tenant_id = :tenant_id AND t.business_account_id = :business_account_id;

-- name: find_reported
-- Those that webhooks name, by WhatsApp's id or by name and language.
SELECT t.id, t.business_account_id, t.external_id, t.name, t.language, t.category, t.category_at, t.status, t.reason, t.status_at,
    t.quality, t.quality_at, t.parameter_format, t.components, t.components_at, t.changed_at, t.synced_at
FROM templates t WHERE t.tenant_id = :tenant_id AND t.business_account_id = ANY(:business_account_ids::text[])
    AND (t.external_id = ANY(:external_ids::text[]) OR t.name = ANY(:names::text[]));

-- name: find_many
-- Those of an account that messages are to be made of.
SELECT t.id, t.business_account_id, t.external_id, t.name, t.language, t.category, t.category_at, t.status, t.reason, t.status_at,
    t.quality, t.quality_at, t.parameter_format, t.components, t.components_at, t.changed_at, t.synced_at
FROM templates t JOIN unnest(:names::text[], :languages::text[]) AS v (name, language)
    ON v.name = t.name AND v.language = t.language
WHERE t.tenant_id = :tenant_id AND t.business_account_id = :business_account_id;

-- name: list_names
-- For the words of a refusal.
SELECT t.name, t.language FROM templates t
WHERE t.tenant_id = :tenant_id AND t.business_account_id = :business_account_id AND t.status IS DISTINCT FROM 'DELETED'
ORDER BY t.name, t.language;

-- name: find_template^
SELECT t.id, t.business_account_id, t.external_id, t.name, t.language, t.category, t.category_at, t.status, t.reason, t.status_at,
    t.quality, t.quality_at, t.parameter_format, t.components, t.components_at, t.changed_at, t.synced_at
FROM templates t WHERE t.tenant_id = :tenant_id AND t.id = :id;

-- name: list_page
-- Newest first. A null filters nothing.
SELECT t.id, t.business_account_id, t.external_id, t.name, t.language, t.category, t.category_at, t.status, t.reason, t.status_at,
    t.quality, t.quality_at, t.parameter_format, t.components, t.components_at, t.changed_at, t.synced_at
FROM templates t WHERE t.tenant_id = :tenant_id AND (:before::uuid IS NULL OR t.id < :before)
    AND t.business_account_id = ANY(:business_account_ids::text[]) AND (:prefix::text IS NULL OR starts_with(t.name, :prefix))
    AND (:language::text IS NULL OR t.language = :language) AND (:status::text IS NULL OR t.status = :status)
    AND (:category::text IS NULL OR t.category = :category)
ORDER BY t.id DESC LIMIT :batch;

-- name: upsert_many!
-- Under the lock of their accounts, after which nobody else has made one of these names.
INSERT INTO templates AS t (tenant_id, id, business_account_id, external_id, name, language, category, category_at, status, reason,
    status_at, quality, quality_at, parameter_format, components, components_at, changed_at, synced_at)
SELECT :tenant_id, v.id, v.business_account_id, v.external_id, v.name, v.language, v.category, v.category_at, v.status, v.reason,
    v.status_at, v.quality, v.quality_at, v.parameter_format, v.components::jsonb, v.components_at, v.changed_at, v.synced_at
FROM unnest(:ids::uuid[], :business_account_ids::text[], :external_ids::text[], :names::text[],
    :languages::text[], :categories::text[], :category_at::timestamptz[], :statuses::text[], :reasons::text[],
    :status_at::timestamptz[], :qualities::text[], :quality_at::timestamptz[], :parameter_formats::text[], :components::text[],
    :components_at::timestamptz[], :changed_at::timestamptz[], :synced_at::timestamptz[])
    AS v (id, business_account_id, external_id, name, language, category, category_at, status, reason, status_at, quality,
        quality_at, parameter_format, components, components_at, changed_at, synced_at)
ON CONFLICT (tenant_id, id) DO UPDATE SET external_id = excluded.external_id, category = excluded.category,
    category_at = excluded.category_at, status = excluded.status, reason = excluded.reason, status_at = excluded.status_at,
    quality = excluded.quality, quality_at = excluded.quality_at, parameter_format = excluded.parameter_format,
    components = excluded.components, components_at = excluded.components_at, changed_at = excluded.changed_at,
    synced_at = excluded.synced_at;

-- name: note_listed!
-- Of templates that a listing shows as they are known.
UPDATE templates t SET synced_at = :synced_at WHERE t.tenant_id = :tenant_id AND t.id = ANY(:ids::uuid[]);
