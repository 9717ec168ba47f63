-- name: lock_chain!
-- Two acts of one tenant take turns: each entry names the one before it.
SELECT pg_advisory_xact_lock(hashtextextended('audit ' || :tenant_id, 0));

-- name: find_last^
SELECT a.position, a.hash FROM audit_log a WHERE a.tenant_id = :tenant_id ORDER BY a.position DESC LIMIT 1;

-- name: insert_entries!
INSERT INTO audit_log (tenant_id, position, id, at, actor, action, subject, details, previous, hash)
SELECT :tenant_id, v.* FROM unnest(:positions::bigint[], :ids::uuid[], :moments::timestamptz[], :actors::jsonb[], :actions::text[],
    :subjects::text[], :details::jsonb[], :previous::bytea[], :hashes::bytea[]) AS v;
