-- name: lock_chain!
-- Two acts of one tenant take turns: each entry names the one before it.
SELECT pg_advisory_xact_lock(hashtextextended('audit ' || :tenant_id, 0));

-- name: find_last^
SELECT a.position, a.hash FROM audit_log a WHERE a.tenant_id = :tenant_id ORDER BY a.position DESC LIMIT 1;

-- name: insert_entries!
INSERT INTO audit_log (tenant_id, position, id, at, actor, action, subject, details, previous, hash)
SELECT :tenant_id, v.* FROM unnest(:positions::bigint[], :ids::uuid[], :moments::timestamptz[], :actors::jsonb[], :actions::text[],
    :subjects::text[], :details::jsonb[], :previous::bytea[], :hashes::bytea[]) AS v;

-- name: list_page
-- Newest first, keyset by position. A noun alone stands for everything about it.
SELECT a.position, a.id, a.at, a.actor, a.action, a.subject, a.details, a.hash
FROM audit_log a
WHERE a.tenant_id = :tenant_id AND (:before::bigint IS NULL OR a.position < :before)
    AND (:action::text IS NULL OR a.action = :action OR starts_with(a.action, :action || '.'))
    AND (:subject::text IS NULL OR a.subject = :subject OR starts_with(a.subject, :subject || ':'))
    AND (:actor_kind::text IS NULL OR a.actor ->> 'kind' = :actor_kind)
    AND (:actor_id::uuid IS NULL OR a.actor ->> 'id' = :actor_id::uuid::text)
    AND (:since::timestamptz IS NULL OR a.at >= :since) AND (:until::timestamptz IS NULL OR a.at < :until)
ORDER BY a.position DESC LIMIT :batch;

-- name: list_written
-- To verify. What could have been changed into something that no program reads comes as text.
SELECT a.position, a.id, to_jsonb(a.at AT TIME ZONE 'UTC') #>> '{}' AS at, a.actor::text AS actor, a.action, a.subject,
    a.details::text AS details, a.previous, a.hash
FROM audit_log a WHERE a.tenant_id = :tenant_id AND a.position > :after ORDER BY a.position LIMIT :batch;
