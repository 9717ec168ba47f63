-- name: insert_many!
-- Several in one statement: a batch of messages may bring a file each. Of a message that was edited they may be there already.
INSERT INTO media_files (tenant_id, id, direction, message_id, phone_number_id, external_id, source_url, mime_type, filename, size,
    sha256, state, due_at, error, object_key, thumbnail_key, created_at, stored_at, expires)
SELECT :tenant_id, v.id, v.direction, v.message_id, v.phone_number_id, v.external_id, v.source_url, v.mime_type, v.filename, v.size,
    v.sha256, v.state, v.due_at, v.error::jsonb, v.object_key, v.thumbnail_key, v.created_at, v.stored_at, v.expires
FROM unnest(:ids::uuid[], :directions::text[], :message_ids::uuid[], :phone_number_ids::text[], :external_ids::text[],
    :source_urls::text[], :mime_types::text[], :filenames::text[], :sizes::bigint[], :sha256s::bytea[], :states::text[],
    :due_at::timestamptz[], :errors::text[], :object_keys::text[], :thumbnail_keys::text[], :created_at::timestamptz[],
    :stored_at::timestamptz[], :expires::timestamptz[])
    AS v (id, direction, message_id, phone_number_id, external_id, source_url, mime_type, filename, size, sha256, state, due_at, error,
        object_key, thumbnail_key, created_at, stored_at, expires)
ON CONFLICT (tenant_id, id) DO NOTHING;

-- name: find_many
SELECT f.id, f.direction, f.message_id, f.phone_number_id, f.external_id, f.source_url, f.mime_type, f.filename, f.size, f.sha256,
    f.state, f.attempts, f.due_at, f.error, f.object_key, f.thumbnail_key, f.created_at, f.stored_at, f.expires
FROM media_files f WHERE f.tenant_id = :tenant_id AND f.id = ANY(:ids::uuid[]);

-- name: lock_many
-- In one order, whoever asks for which.
SELECT f.id, f.direction, f.message_id, f.phone_number_id, f.external_id, f.source_url, f.mime_type, f.filename, f.size, f.sha256,
    f.state, f.attempts, f.due_at, f.error, f.object_key, f.thumbnail_key, f.created_at, f.stored_at, f.expires
FROM media_files f WHERE f.tenant_id = :tenant_id AND f.id = ANY(:ids::uuid[]) ORDER BY f.id FOR UPDATE;

-- name: list_due
-- Whose files are to be fetched, of all tenants.
SELECT d.tenant_id, d.items, d.oldest FROM media_due(:direction, :moment) d;

-- name: claim
-- Of all processes that find a file due, one has it: it is due again at `due_at`, should that one die, and is told apart by its number.
WITH due AS (
    SELECT f.id FROM media_files f
    WHERE f.tenant_id = :tenant_id AND f.direction = :direction AND f.state = 'waiting' AND f.due_at <= :now
    ORDER BY f.due_at LIMIT :batch FOR UPDATE SKIP LOCKED
)
UPDATE media_files f SET attempts = f.attempts + 1, due_at = :due_at
FROM due WHERE f.tenant_id = :tenant_id AND f.id = due.id
RETURNING f.id, f.direction, f.message_id, f.phone_number_id, f.external_id, f.source_url, f.mime_type, f.filename, f.size, f.sha256,
    f.state, f.attempts, f.due_at, f.error, f.object_key, f.thumbnail_key, f.created_at, f.stored_at, f.expires;

-- name: keep_claims!
-- Of fetches that take longer than a claim lasts.
UPDATE media_files f SET due_at = :due_at
FROM unnest(:ids::uuid[], :attempts::int[]) AS v (id, attempt)
WHERE f.tenant_id = :tenant_id AND f.id = v.id AND f.attempts = v.attempt AND f.state = 'waiting';

-- name: finish_stored$
-- Only the claim that is the latest: whoever was overtaken changes nothing.
UPDATE media_files f SET state = 'stored', due_at = NULL, error = NULL, stored_at = :now, object_key = :object_key, size = :size,
    sha256 = :sha256, mime_type = coalesce(:mime_type, f.mime_type), thumbnail_key = :thumbnail_key
WHERE f.tenant_id = :tenant_id AND f.id = :id AND f.attempts = :attempt AND f.state = 'waiting'
RETURNING f.id;

-- name: finish_refused$
-- `state` is 'held' or 'failed'; nothing of it is offered.
UPDATE media_files f SET state = :state, due_at = NULL, error = :error
WHERE f.tenant_id = :tenant_id AND f.id = :id AND f.attempts = :attempt AND f.state = 'waiting'
RETURNING f.id;

-- name: put_off$
-- Tried again then.
UPDATE media_files f SET due_at = :due_at, error = :error
WHERE f.tenant_id = :tenant_id AND f.id = :id AND f.attempts = :attempt AND f.state = 'waiting'
RETURNING f.id;

-- name: take_room$
-- Added in the transaction that stores a file, so that two of them do not take the same room. No quota is no limit.
INSERT INTO media_usage AS u (tenant_id, bytes) SELECT :tenant_id, :size::bigint
WHERE :size::bigint <= coalesce(:quota, :size::bigint)
ON CONFLICT (tenant_id) DO UPDATE SET bytes = u.bytes + excluded.bytes
    WHERE u.bytes + excluded.bytes <= coalesce(:quota, u.bytes + excluded.bytes)
RETURNING u.bytes;

-- name: get_usage$
SELECT coalesce((SELECT u.bytes FROM media_usage u WHERE u.tenant_id = :tenant_id), 0);

-- name: find_named
-- A key names its file, so the primary key finds it.
SELECT v.key FROM unnest(:keys::text[], :ids::uuid[]) AS v (key, id)
JOIN media_files f ON f.tenant_id = :tenant_id AND f.id = v.id AND (f.object_key = v.key OR f.thumbnail_key = v.key);

-- name: find_uploads
-- What WhatsApp has of these files for this number, for long enough.
SELECT u.media_id, u.phone_number_id, u.external_id, u.uploaded_at, u.expires_at FROM media_uploads u
WHERE u.tenant_id = :tenant_id AND u.media_id = ANY(:media_ids::uuid[]) AND u.phone_number_id = :phone_number_id
    AND u.expires_at > :until;

-- name: upsert_upload!
-- The later one lives longer.
INSERT INTO media_uploads AS u (tenant_id, media_id, phone_number_id, external_id, uploaded_at, expires_at)
VALUES (:tenant_id, :media_id, :phone_number_id, :external_id, :uploaded_at, :expires_at)
ON CONFLICT (tenant_id, media_id, phone_number_id) DO UPDATE SET external_id = excluded.external_id,
    uploaded_at = excluded.uploaded_at, expires_at = excluded.expires_at
WHERE u.expires_at < excluded.expires_at;
