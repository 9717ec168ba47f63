-- name: insert_many
-- A replayed batch meets its own dead letters again: it counts the retry and writes none twice.
INSERT INTO dead_letters AS d (tenant_id, id, pipeline, reason, error_message, original_payload, origin, retry_count)
SELECT :tenant_id, v.id, v.pipeline, v.reason, v.error_message, v.original_payload::jsonb, v.origin, v.retry_count
FROM unnest(:ids::uuid[], :pipelines::text[], :reasons::text[], :error_messages::text[], :original_payloads::text[],
    :origins::text[], :retry_counts::int[])
    AS v (id, pipeline, reason, error_message, original_payload, origin, retry_count)
ON CONFLICT (tenant_id, pipeline, origin) DO UPDATE SET
    reason = excluded.reason, error_message = excluded.error_message, status = 'open', updated_at = now(),
    retry_count = d.retry_count + CASE WHEN d.status = 'replayed' THEN 1 ELSE 0 END
RETURNING id, (xmax = 0) AS is_new;

-- name: list_page
-- Newest first, keyset by id.
SELECT d.id, d.pipeline, d.reason, d.error_message, d.original_payload, d.origin, d.retry_count, d.status, d.created_at, d.updated_at
FROM dead_letters d
WHERE d.tenant_id = :tenant_id AND (:status::text IS NULL OR d.status = :status)
    AND (:reason::text IS NULL OR d.reason = :reason) AND (:pipeline::text IS NULL OR d.pipeline = :pipeline)
    AND (:before::uuid IS NULL OR d.id < :before)
ORDER BY d.id DESC LIMIT :batch;

-- name: lock_one^
-- A replay and a second replay of the same dead letter take turns.
SELECT d.id, d.pipeline, d.reason, d.error_message, d.original_payload, d.origin, d.retry_count, d.status, d.created_at, d.updated_at
FROM dead_letters d WHERE d.tenant_id = :tenant_id AND d.id = :id FOR UPDATE;

-- name: mark_many!
-- Replayed or discarded: it stays as a record until its retention ends.
UPDATE dead_letters SET status = :status, updated_at = now() WHERE tenant_id = :tenant_id AND id = ANY(:ids::uuid[]);

-- name: count_open$
-- For the gauge.
SELECT count(*) FROM dead_letters WHERE tenant_id = :tenant_id AND status = 'open';
