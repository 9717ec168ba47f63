-- name: insert_many
-- A replayed batch meets its own dead letters again and writes none twice. One that was replayed is open again; one that somebody
-- discarded stays so: its redelivery is nothing new. Locked in the order of their key, as `lock_many` does, so none deadlocks.
INSERT INTO dead_letters AS d (tenant_id, id, pipeline, reason, error_message, original_payload, origin, retry_count)
SELECT :tenant_id, v.id, v.pipeline, v.reason, v.error_message, v.original_payload::jsonb, v.origin, v.retry_count
FROM unnest(:ids::uuid[], :pipelines::text[], :reasons::text[], :error_messages::text[], :original_payloads::text[],
    :origins::text[], :retry_counts::int[])
    AS v (id, pipeline, reason, error_message, original_payload, origin, retry_count)
ORDER BY v.pipeline, v.origin
ON CONFLICT (tenant_id, pipeline, origin) DO UPDATE SET
    reason = excluded.reason, error_message = excluded.error_message, updated_at = now(),
    status = CASE d.status WHEN 'discarded' THEN 'discarded' ELSE 'open' END, replayed_at = NULL
RETURNING id, (xmax = 0) AS is_new;

-- name: list_all
-- Newest first, keyset by id, whatever became of them. Ids are made of time, so they bound it too.
SELECT d.*
FROM dead_letters d
WHERE d.tenant_id = :tenant_id
    AND (:reason::text IS NULL OR d.reason = :reason) AND (:pipeline::text IS NULL OR d.pipeline = :pipeline)
    AND d.id >= :since::uuid AND d.id < :until::uuid
ORDER BY d.id DESC LIMIT :batch;

-- name: list_of_status
-- The same of one status, by its index: the few open ones are not looked for among years of settled ones.
SELECT d.*
FROM dead_letters d
WHERE d.tenant_id = :tenant_id AND d.status = :status
    AND (:reason::text IS NULL OR d.reason = :reason) AND (:pipeline::text IS NULL OR d.pipeline = :pipeline)
    AND d.id >= :since::uuid AND d.id < :until::uuid
ORDER BY d.id DESC LIMIT :batch;

-- name: find_open
-- What a bulk operation works on, oldest first.
SELECT d.id
FROM dead_letters d
WHERE d.tenant_id = :tenant_id AND d.status = 'open'
    AND (:reason::text IS NULL OR d.reason = :reason) AND (:pipeline::text IS NULL OR d.pipeline = :pipeline)
    AND d.id >= :since::uuid AND d.id < :until::uuid
ORDER BY d.id LIMIT :batch;

-- name: find_many
-- By id, to read.
SELECT d.* FROM dead_letters d WHERE d.tenant_id = :tenant_id AND d.id = ANY(:ids::uuid[]) ORDER BY d.id;

-- name: lock_many
-- Replays of the same dead letters take turns, in the order of locks that whoever writes dead letters keeps too.
SELECT d.* FROM dead_letters d WHERE d.tenant_id = :tenant_id AND d.id = ANY(:ids::uuid[])
ORDER BY d.pipeline, d.origin FOR UPDATE;

-- name: mark_replayed!
-- It stays as a record until its retention ends.
UPDATE dead_letters SET status = 'replayed', replayed_at = :now, last_tried_at = :now, updated_at = :now,
    retry_count = retry_count + 1, last_reason = NULL, last_error = NULL, actor_kind = :actor_kind, actor_id = :actor_id
WHERE tenant_id = :tenant_id AND id = ANY(:ids::uuid[]) AND status = 'open';

-- name: mark_failed!
-- A replay that came to nothing: it stays open and says why.
UPDATE dead_letters d SET last_tried_at = :now, updated_at = :now, retry_count = retry_count + 1,
    last_reason = v.reason, last_error = v.error, actor_kind = :actor_kind, actor_id = :actor_id
FROM unnest(:ids::uuid[], :reasons::text[], :errors::text[]) AS v (id, reason, error)
WHERE d.tenant_id = :tenant_id AND d.id = v.id AND d.status = 'open';

-- name: mark_discarded!
-- Somebody decided that it shall have no effect.
UPDATE dead_letters SET status = 'discarded', discarded_at = :now, updated_at = :now, note = coalesce(:note, note),
    actor_kind = :actor_kind, actor_id = :actor_id
WHERE tenant_id = :tenant_id AND id = ANY(:ids::uuid[]) AND status = 'open';

-- name: edit_one!
-- The original again is no edit.
UPDATE dead_letters SET edited_payload = nullif(:payload::text::jsonb, original_payload), edited_at = :now, updated_at = :now,
    actor_kind = :actor_kind, actor_id = :actor_id
WHERE tenant_id = :tenant_id AND id = :id AND status = 'open';

-- name: count_open$
-- For the head of a list.
SELECT count(*) FROM dead_letters WHERE tenant_id = :tenant_id AND status = 'open';

-- name: count_by_reason
-- For the gauge, of all tenants: the function's owner alone may look across them.
SELECT reason, items FROM open_dead_letters();
