-- name: log_many!
-- What happens to a conversation outlives its event; one that is gone needs no log. Before `append_many`: nothing comes after
-- the lock that it takes. Whoever waited for the conversation has looked at the clock before those who held it: they come first.
-- Ids come as such: an expression on the event is not leakproof, and all of the tenant's conversations would be read for it.
INSERT INTO conversation_log (tenant_id, conversation_id, id, at, type, data)
SELECT :tenant_id, c.id, v.id, greatest(max((v.data->>'at')::timestamptz) OVER (PARTITION BY c.id ORDER BY v.id),
        (SELECT max(g.at) FROM conversation_log g WHERE g.tenant_id = :tenant_id AND g.conversation_id = c.id)
            + interval '1 microsecond'), v.data->>'type', v.data
FROM (SELECT w.id, w.conversation_id, w.data::jsonb
    FROM unnest(:ids::uuid[], :conversation_ids::uuid[], :events::text[]) AS w (id, conversation_id, data)) AS v
JOIN conversations c ON c.tenant_id = :tenant_id AND c.id = v.conversation_id;

-- name: append_many!
-- Positions are given out here, under the lock of the tenant's `head` row, which is held until the commit: position order is
-- the order of commits, without gaps, so a cursor never skips an event that committed late.
WITH head AS (
    INSERT INTO sink_cursors AS s (tenant_id, sink, position) VALUES (:tenant_id, 'head', cardinality(:ids::uuid[]))
    ON CONFLICT (tenant_id, sink) DO UPDATE SET position = s.position + excluded.position
    RETURNING position - cardinality(:ids::uuid[]) AS before
)
INSERT INTO events (tenant_id, position, id, type, conversation_id, message_id, at, data)
SELECT :tenant_id, h.before + v.rank, v.id, v.data->>'type', (v.data->>'mapping_id')::uuid, (v.data->>'message_id')::uuid,
    (v.data->>'at')::timestamptz, v.data
FROM head h, ROWS FROM (unnest(:ids::uuid[]), jsonb_array_elements(:events::text::jsonb)) WITH ORDINALITY AS v (id, data, rank);

-- name: lock_sink^
-- One reader a sink and tenant: the row lock orders them, the epoch turns a stale one away.
INSERT INTO sink_cursors AS s (tenant_id, sink, epoch) VALUES (:tenant_id, :sink, :epoch)
ON CONFLICT (tenant_id, sink) DO UPDATE SET epoch = excluded.epoch WHERE s.epoch <= excluded.epoch
RETURNING position, (SELECT h.position FROM sink_cursors h WHERE h.tenant_id = :tenant_id AND h.sink = 'head') AS head;

-- name: begin_sink$
-- Where a sink begins that has not begun: there, or behind what is public by now. What commits meanwhile comes after it.
INSERT INTO sink_cursors (tenant_id, sink, position)
VALUES (:tenant_id, :sink,
    coalesce(:position::bigint, (SELECT h.position FROM sink_cursors h WHERE h.tenant_id = :tenant_id AND h.sink = 'head'), 0))
ON CONFLICT (tenant_id, sink) DO NOTHING
RETURNING position;

-- name: find_positions
-- How far each of these sinks is.
SELECT s.sink, s.position FROM sink_cursors s WHERE s.tenant_id = :tenant_id AND s.sink = ANY(:sinks::text[]);

-- name: move_sink$
-- In the transaction of what the sink did with the events, or after a far side confirmed them; a stale epoch moves nothing.
UPDATE sink_cursors SET position = :position
WHERE tenant_id = :tenant_id AND sink = :sink AND epoch = :epoch AND position < :position
RETURNING position;

-- name: list_messages
-- Which messages the events of a stretch are about.
SELECT DISTINCT e.message_id FROM events e
WHERE e.tenant_id = :tenant_id AND e.position > :after AND e.position <= :until AND e.message_id IS NOT NULL;

-- name: note_judgement$
-- Under the lock of `lock_sink`, before the cursor moves: what was passed up to here was judged by something else.
UPDATE sink_cursors SET judged_by = :revision, judged_from = position
WHERE tenant_id = :tenant_id AND sink = :sink AND judged_by IS DISTINCT FROM :revision
RETURNING judged_by;

-- name: find_judgement^
-- One row, so position and judgement are of one moment.
SELECT s.position, s.judged_by, s.judged_from FROM sink_cursors s WHERE s.tenant_id = :tenant_id AND s.sink = :sink;

-- name: list_after
-- What a sink has not seen yet, in order. Types of NULL means every type.
SELECT e.id, e.position, e.type, e.data::text AS data FROM events e
WHERE e.tenant_id = :tenant_id AND e.position > :position AND (:types::text[] IS NULL OR e.type = ANY(:types::text[]))
ORDER BY e.position LIMIT :batch;

-- name: get_head$
-- The newest position given out: where the end of every order is now.
SELECT coalesce((SELECT position FROM sink_cursors WHERE tenant_id = :tenant_id AND sink = 'head'), 0);

-- name: hold_head$
-- The lock of `append_many`, also where nothing was ever appended.
INSERT INTO sink_cursors AS s (tenant_id, sink, position) VALUES (:tenant_id, 'head', 0)
ON CONFLICT (tenant_id, sink) DO UPDATE SET position = s.position
RETURNING position;
