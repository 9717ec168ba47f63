-- name: insert_keys
-- A tenant that is not there gives no row, which is easier to explain than a broken foreign key.
-- Scopes come as text with commas in between: arrays of one array must all have one length.
INSERT INTO api_keys (tenant_id, id, name, hash, scopes, created_at, created_by, replaces, expires_at)
SELECT t.id, v.id, v.name, v.hash, string_to_array(v.scopes, ','), v.created_at, v.created_by, v.replaces, v.expires_at
FROM unnest(:ids::uuid[], :names::text[], :hashes::bytea[], :scopes::text[], :created_at::timestamptz[], :created_by::uuid[],
    :replaces::uuid[], :expires_at::timestamptz[]) AS v (id, name, hash, scopes, created_at, created_by, replaces, expires_at)
JOIN tenants t ON t.id = :tenant_id
RETURNING id;

-- name: find_key^
-- The key names its tenant and its row; the hash is compared in the process, in constant time.
SELECT k.id, k.tenant_id, k.name, k.hash, k.scopes, k.created_at, k.created_by, k.replaces, k.expires_at, k.revoked_at,
    k.last_used_at
FROM api_keys k WHERE k.tenant_id = :tenant_id AND k.id = :id;

-- name: list_keys
-- Newest first: ids are in order of creation. With a moment, only keys usable then.
SELECT k.id, k.tenant_id, k.name, k.hash, k.scopes, k.created_at, k.created_by, k.replaces, k.expires_at, k.revoked_at,
    k.last_used_at
FROM api_keys k
WHERE k.tenant_id = :tenant_id
    AND (:usable_at::timestamptz IS NULL
        OR ((k.revoked_at IS NULL OR k.revoked_at > :usable_at) AND (k.expires_at IS NULL OR k.expires_at > :usable_at)))
ORDER BY k.id DESC;

-- name: list_key_page
-- For people, newest first, with who made each. In the role of work: a maker's name is of no single tenant.
SELECT k.id, k.tenant_id, k.name, k.hash, k.scopes, k.created_at, k.created_by, k.replaces, k.expires_at, k.revoked_at,
    k.last_used_at, coalesce(m.name, u.name) AS maker_name,
    CASE WHEN k.created_by IS NULL THEN 'operator' WHEN m.id IS NULL THEN 'user' ELSE 'key' END AS maker_kind
FROM api_keys k
LEFT JOIN api_keys m ON m.tenant_id = k.tenant_id AND m.id = k.created_by
LEFT JOIN users u ON u.id = k.created_by
WHERE k.tenant_id = :tenant_id AND (:id::uuid IS NULL OR k.id = :id) AND (:before::uuid IS NULL OR k.id < :before)
ORDER BY k.id DESC LIMIT :batch;

-- name: lock_key^
-- Whoever rotates or revokes a key takes turns. A successor that can still be used is the key that goes on.
SELECT k.id, k.tenant_id, k.name, k.hash, k.scopes, k.created_at, k.created_by, k.replaces, k.expires_at, k.revoked_at,
    k.last_used_at
FROM api_keys k WHERE k.tenant_id = :tenant_id AND k.id = :id FOR NO KEY UPDATE;

-- name: find_successor$
-- A statement of its own, after the lock: it must see what the one before in turn committed.
SELECT s.id FROM api_keys s
WHERE s.tenant_id = :tenant_id AND s.replaces = :id AND s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > :now)
LIMIT 1;

-- name: end_key!
-- What was to end sooner still does.
UPDATE api_keys k SET expires_at = least(k.expires_at, :ends_at) WHERE k.tenant_id = :tenant_id AND k.id = :id;

-- name: revoke_many
-- Revoking again keeps the first moment, which is the one an investigation asks for.
UPDATE api_keys k SET revoked_at = coalesce(k.revoked_at, :now)
WHERE k.tenant_id = :tenant_id AND k.id = ANY(:ids::uuid[])
RETURNING k.id, k.tenant_id, k.name, k.hash, k.scopes, k.created_at, k.created_by, k.replaces, k.expires_at, k.revoked_at,
    k.last_used_at;

-- name: touch_many!
-- The condition holds between processes too: a key in constant use is written once in so many seconds, not once a request.
UPDATE api_keys k SET last_used_at = :now::timestamptz
WHERE k.tenant_id = :tenant_id AND k.id = ANY(:ids::uuid[])
    AND (k.last_used_at IS NULL OR k.last_used_at <= :now::timestamptz - :at_most_every::interval);

-- name: find_replaced
-- Of each key those that it came after, one after the other: a chain of few.
WITH RECURSIVE line AS (
    SELECT k.id, k.replaces FROM api_keys k WHERE k.tenant_id = :tenant_id AND k.id = ANY(:ids::uuid[])
    UNION
    SELECT line.id, k.replaces FROM line JOIN api_keys k ON k.tenant_id = :tenant_id AND k.id = line.replaces
)
SELECT l.id, l.replaces FROM line l WHERE l.replaces IS NOT NULL;
