-- name: append_many!
-- `seq` is drawn here, while the caller holds the conversations' row locks: per conversation its order is the order of commits.
INSERT INTO events (tenant_id, id, type, conversation_id, message_id, at, data)
SELECT :tenant_id, v.id, v.type, v.conversation_id, v.message_id, v.at, v.data::jsonb
FROM unnest(:ids::uuid[], :types::text[], :conversation_ids::uuid[], :message_ids::uuid[], :at::timestamptz[], :data::text[])
    AS v (id, type, conversation_id, message_id, at, data);

-- name: lock_cursor^
-- One stamper a tenant: the row lock orders them, the epoch turns a stale one away.
INSERT INTO sink_cursors AS s (tenant_id, sink, epoch) VALUES (:tenant_id, :sink, :epoch)
ON CONFLICT (tenant_id, sink) DO UPDATE SET epoch = excluded.epoch WHERE s.epoch <= excluded.epoch
RETURNING position;

-- name: stamp_many
-- Public positions are given out in seq order, without gaps: a cursor on them never skips a row that committed late.
WITH stamped AS (
    UPDATE events e SET position = :position + v.rank
    FROM (
        SELECT u.id, row_number() OVER (ORDER BY u.seq) AS rank
        FROM (SELECT id, seq FROM events WHERE tenant_id = :tenant_id AND position IS NULL ORDER BY seq LIMIT :batch) AS u
    ) AS v
    WHERE e.tenant_id = :tenant_id AND e.id = v.id
    RETURNING e.id, e.position, e.type, e.data
), moved AS (
    UPDATE sink_cursors SET position = :position + (SELECT count(*) FROM stamped) WHERE tenant_id = :tenant_id AND sink = :sink
)
SELECT s.id, s.position, s.type, s.data::text AS data FROM stamped s ORDER BY s.position;

-- name: list_after
-- Replay for a sink: everything behind its cursor, in order.
SELECT e.id, e.position, e.type, e.data::text AS data FROM events e
WHERE e.tenant_id = :tenant_id AND e.position > :position ORDER BY e.position LIMIT :batch;
