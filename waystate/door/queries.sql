-- name: claim^
-- The row decides who runs the request: a new key, one that is older than what is kept, or, where that does no harm, one
-- whose holder died with it. A key that is somebody else's is only read: repeats must cost no write.
WITH known AS (
    SELECT k.request_hash, k.locked_until, k.status, k.headers, k.body, k.created_at <= :kept_since
        OR (:may_repeat::boolean AND k.status IS NULL AND k.locked_until <= :now AND k.request_hash = :request_hash) AS is_free
    FROM idempotency_keys k WHERE k.tenant_id = :tenant_id AND k.key = :key
), claimed AS (
    INSERT INTO idempotency_keys AS k (tenant_id, key, request_hash, created_at, locked_until)
    SELECT :tenant_id, :key, :request_hash::bytea, :now::timestamptz, :locked_until::timestamptz
    WHERE NOT EXISTS (SELECT FROM known WHERE NOT is_free)
    ON CONFLICT (tenant_id, key) DO UPDATE SET request_hash = excluded.request_hash, created_at = excluded.created_at,
        locked_until = excluded.locked_until, status = NULL, headers = NULL, body = NULL
        WHERE k.created_at <= :kept_since
            OR (:may_repeat::boolean AND k.status IS NULL AND k.locked_until <= :now AND k.request_hash = excluded.request_hash)
    RETURNING k.key
)
SELECT EXISTS (SELECT FROM claimed) AS is_ours, n.request_hash, n.locked_until, n.status, n.headers, n.body
FROM (SELECT 1) AS one LEFT JOIN known n ON true;

-- name: keep$
-- Only by who holds the claim: one that slept through its lock must not overwrite what its successor answered.
UPDATE idempotency_keys k SET locked_until = NULL, status = :status, headers = :headers, body = :body
WHERE k.tenant_id = :tenant_id AND k.key = :key AND k.status IS NULL AND k.locked_until = :locked_until
RETURNING k.key;

-- name: release!
-- Nothing final was answered, so the key is as good as new.
DELETE FROM idempotency_keys k
WHERE k.tenant_id = :tenant_id AND k.key = :key AND k.status IS NULL AND k.locked_until = :locked_until;

-- name: give_up!
-- It may have had its effect, and nobody is working on it any more.
UPDATE idempotency_keys k SET locked_until = :now
WHERE k.tenant_id = :tenant_id AND k.key = :key AND k.status IS NULL AND k.locked_until = :locked_until;

-- name: drop_old
-- A batch at a time, so that no lock is held for long.
DELETE FROM idempotency_keys k USING (
    SELECT o.tenant_id, o.key FROM idempotency_keys o
    WHERE o.tenant_id = :tenant_id AND o.created_at <= :before ORDER BY o.created_at LIMIT :batch FOR UPDATE SKIP LOCKED
) AS old WHERE k.tenant_id = old.tenant_id AND k.key = old.key
RETURNING k.key;
