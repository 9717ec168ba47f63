SET LOCAL ROLE waystate_owner;
CREATE OR REPLACE FUNCTION due_work(kind text, moment timestamptz) RETURNS TABLE (tenant_id text, items bigint, oldest timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    -- What a sink is behind the head of its tenant's events.
    SELECT h.tenant_id, h.position - coalesce(c.position, 0),
        (SELECT e.at FROM public.events e WHERE e.tenant_id = h.tenant_id AND e.position > coalesce(c.position, 0)
            ORDER BY e.position LIMIT 1)
        FROM public.sink_cursors h LEFT JOIN public.sink_cursors c ON c.tenant_id = h.tenant_id
            AND c.sink = CASE kind WHEN 'relay' THEN 'deliveries' WHEN 'publish' THEN 'rabbitmq' ELSE 'redis' END
        WHERE kind IN ('relay', 'publish', 'cache') AND h.sink = 'head' AND h.position > coalesce(c.position, 0)
    UNION ALL
    -- How far deliveries were made, and how far it was checked that none is missing.
    SELECT d.tenant_id, d.position - c.position, moment
        FROM public.sink_cursors d JOIN public.sink_cursors c ON c.tenant_id = d.tenant_id AND c.sink = 'deliveries_check'
        WHERE kind = 'check' AND d.sink = 'deliveries' AND d.position > c.position
    UNION ALL
    SELECT d.tenant_id, d.position, moment FROM public.sink_cursors d
        WHERE kind = 'check' AND d.sink = 'deliveries' AND NOT EXISTS (SELECT FROM public.sink_cursors c
            WHERE c.tenant_id = d.tenant_id AND c.sink = 'deliveries_check')
    UNION ALL
    SELECT d.tenant_id, count(*), min(d.next_attempt_at) FROM public.deliveries d
        WHERE kind = 'deliveries' AND d.state = 'pending' AND d.next_attempt_at <= moment GROUP BY d.tenant_id
    UNION ALL
    SELECT d.tenant_id, count(*), min(d.created_at) FROM public.deliveries d
        WHERE kind = 'unsettled' AND d.state IN ('sending', 'unknown') GROUP BY d.tenant_id
    UNION ALL
    SELECT c.tenant_id, count(*), min(c.expires_at) FROM public.conversations c
        WHERE kind = 'expiry' AND c.status IN ('active', 'waiting', 'error')
            AND c.expires_hour <= moment AND c.expires_at <= moment GROUP BY c.tenant_id
    UNION ALL
    -- From tenant to tenant, each by the first entry of an index: what waits for messages that nobody may ever tell of can be a million
    -- rows, whatever the statistics say of them.
    SELECT e.tenant_id, 1, moment FROM (
        WITH RECURSIVE watched (tenant_id) AS (
            (SELECT s.tenant_id FROM public.early_statuses s WHERE kind = 'early' AND s.watch IS NOT NULL
                ORDER BY s.tenant_id LIMIT 1)
            UNION ALL
            SELECT (SELECT s.tenant_id FROM public.early_statuses s WHERE s.watch IS NOT NULL AND s.tenant_id > w.tenant_id
                ORDER BY s.tenant_id LIMIT 1) FROM watched w WHERE w.tenant_id IS NOT NULL
        )
        SELECT w.tenant_id FROM watched w WHERE w.tenant_id IS NOT NULL
    ) AS e
    UNION ALL
    SELECT a.tenant_id, 1, a.oldest FROM (
        WITH RECURSIVE waiting (tenant_id) AS (
            (SELECT s.tenant_id FROM public.early_statuses s WHERE kind = 'aged' ORDER BY s.tenant_id LIMIT 1)
            UNION ALL
            SELECT (SELECT s.tenant_id FROM public.early_statuses s WHERE s.tenant_id > w.tenant_id ORDER BY s.tenant_id LIMIT 1)
                FROM waiting w WHERE w.tenant_id IS NOT NULL
        )
        SELECT w.tenant_id, (SELECT min(s.received_at) FROM public.early_statuses s WHERE s.tenant_id = w.tenant_id) AS oldest
            FROM waiting w
    ) AS a WHERE a.oldest < moment
    UNION ALL
    SELECT c.tenant_id, count(*), min(c.expires_at) FROM public.conversations c
        WHERE kind = 'open' AND c.status IN ('active', 'waiting', 'error') GROUP BY c.tenant_id
$$;
DROP TABLE planned_messages;
ALTER TABLE messages DROP COLUMN sender_user_id;
DROP INDEX conversations_window;
ALTER TABLE conversations DROP COLUMN window_hour, DROP COLUMN window_told, DROP COLUMN window_since, DROP COLUMN window_from,
    DROP COLUMN control_holder, DROP COLUMN control_epoch;
RESET ROLE;
