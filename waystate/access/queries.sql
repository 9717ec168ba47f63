-- name: insert_keys
-- A tenant that is not there gives no row, which is easier to explain than a broken foreign key.
INSERT INTO api_keys (tenant_id, id, name, hash, created_at, expires_at)
SELECT t.id, v.* FROM unnest(:ids::uuid[], :names::text[], :hashes::bytea[], :created_at::timestamptz[], :expires_at::timestamptz[]) AS v
JOIN tenants t ON t.id = :tenant_id
RETURNING id;

-- name: find_key^
-- The key names its tenant and its row; the hash is compared in the process, in constant time.
SELECT k.id, k.tenant_id, k.name, k.hash, k.created_at, k.expires_at, k.revoked_at, k.last_used_at
FROM api_keys k WHERE k.tenant_id = :tenant_id AND k.id = :id;

-- name: list_keys
-- Newest first: ids are in order of creation. With a moment, only keys usable then.
SELECT k.id, k.tenant_id, k.name, k.hash, k.created_at, k.expires_at, k.revoked_at, k.last_used_at
FROM api_keys k
WHERE k.tenant_id = :tenant_id
    AND (:usable_at::timestamptz IS NULL
        OR ((k.revoked_at IS NULL OR k.revoked_at > :usable_at) AND (k.expires_at IS NULL OR k.expires_at > :usable_at)))
ORDER BY k.id DESC;

-- name: revoke_many
-- Revoking again keeps the first moment, which is the one an investigation asks for.
UPDATE api_keys k SET revoked_at = coalesce(k.revoked_at, :now)
WHERE k.tenant_id = :tenant_id AND k.id = ANY(:ids::uuid[])
RETURNING k.id, k.tenant_id, k.name, k.hash, k.created_at, k.expires_at, k.revoked_at, k.last_used_at;

-- name: touch_many!
-- The condition holds between processes too: a key in constant use is written once in so many seconds, not once a request.
UPDATE api_keys k SET last_used_at = :now::timestamptz
WHERE k.tenant_id = :tenant_id AND k.id = ANY(:ids::uuid[])
    AND (k.last_used_at IS NULL OR k.last_used_at <= :now::timestamptz - :at_most_every::interval);
