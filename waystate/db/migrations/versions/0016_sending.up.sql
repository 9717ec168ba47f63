SET LOCAL ROLE waystate_owner;
-- `control_holder`: in whose hands `external` is ("genesys", or a key or person). `window_from`: the newest sign of the customer that
-- opens WhatsApp's window of 24 hours; `window_since`: when this window was seen to open; `window_told`: what its end was told as.
ALTER TABLE conversations
    ADD COLUMN control_epoch bigint NOT NULL DEFAULT 0,
    ADD COLUMN control_holder text CHECK (length(control_holder) <= 200),
    ADD COLUMN window_from timestamptz,
    ADD COLUMN window_since timestamptz,
    ADD COLUMN window_told text CHECK (window_told IN ('expiring', 'closed'));
UPDATE conversations SET window_from = last_customer_message_at, window_since = last_customer_message_at,
    window_told = CASE WHEN last_customer_message_at <= now() - interval '24 hours' THEN 'closed' END
WHERE last_customer_message_at IS NOT NULL;
-- Like expires_hour: what is indexed, or stands in the index's condition, seldom changes, so the update that every message makes stays
-- heap-only.
ALTER TABLE conversations ADD COLUMN window_hour timestamptz
    GENERATED ALWAYS AS (date_bin('1 hour', window_from, '2000-01-01 00:00:00Z')) STORED;
CREATE INDEX conversations_window ON conversations (tenant_id, window_hour)
    WHERE window_hour IS NOT NULL AND window_told IS DISTINCT FROM 'closed';
GRANT SELECT (window_hour, window_from, window_told) ON conversations TO waystate_sweeper;

-- Which person wrote a message.
ALTER TABLE messages ADD COLUMN sender_user_id uuid;

-- `due_at`: when it is released; null while it waits for the customer to write. `message_id`: what it became, or the agent's message
-- that waits by it.
CREATE TABLE planned_messages (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    phone_number_id text NOT NULL,
    message_id uuid,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'released', 'withdrawn', 'failed')),
    send_at timestamptz,
    due_at timestamptz,
    expires_at timestamptz NOT NULL,
    request jsonb NOT NULL,
    actor_kind text NOT NULL,
    actor_id uuid,
    error jsonb,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE,
    CHECK ((state = 'waiting') = (finished_at IS NULL))
);
CREATE INDEX planned_messages_due ON planned_messages (tenant_id, due_at, id) WHERE state = 'waiting';
CREATE INDEX planned_messages_held ON planned_messages (tenant_id, contact_id, phone_number_id, id)
    WHERE state = 'waiting' AND due_at IS NULL;
CREATE INDEX planned_messages_expiry ON planned_messages (tenant_id, expires_at) WHERE state = 'waiting';
CREATE INDEX planned_messages_of_contact ON planned_messages (tenant_id, contact_id);
CREATE INDEX planned_messages_waiting ON planned_messages (tenant_id, id) WHERE state = 'waiting';
CREATE INDEX planned_messages_finished ON planned_messages (tenant_id, state, id) WHERE state <> 'waiting';
ALTER TABLE planned_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE planned_messages FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON planned_messages
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
CREATE POLICY sweep ON planned_messages FOR SELECT TO waystate_sweeper USING (true);
GRANT SELECT (tenant_id, state, due_at, expires_at) ON planned_messages TO waystate_sweeper;
GRANT SELECT, INSERT, UPDATE, DELETE ON planned_messages TO waystate_app;

-- Beside due_work and not in it: whatever is looked for there, PostgreSQL plans all of it.
CREATE FUNCTION due_waits(kind text, moment timestamptz) RETURNS TABLE (tenant_id text, items bigint, oldest timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    -- Windows that end within the hour, or have ended, and are not told yet.
    SELECT c.tenant_id, count(*), min(c.window_from) FROM public.conversations c
        WHERE kind = 'window' AND c.window_hour IS NOT NULL AND c.window_told IS DISTINCT FROM 'closed'
            AND c.window_hour <= moment - interval '23 hours'
            AND c.window_from <= moment - CASE WHEN c.window_told IS NULL THEN interval '23 hours' ELSE interval '24 hours' END
        GROUP BY c.tenant_id
    UNION ALL
    -- From tenant to tenant, each by the first entry of an index: a hundred thousand may wait for next week.
    SELECT p.tenant_id, 1, p.oldest FROM (
        WITH RECURSIVE planning (tenant_id) AS (
            (SELECT m.tenant_id FROM public.planned_messages m WHERE kind = 'planned' AND m.state = 'waiting'
                ORDER BY m.tenant_id LIMIT 1)
            UNION ALL
            SELECT (SELECT m.tenant_id FROM public.planned_messages m WHERE m.state = 'waiting' AND m.tenant_id > w.tenant_id
                ORDER BY m.tenant_id LIMIT 1) FROM planning w WHERE w.tenant_id IS NOT NULL
        )
        SELECT w.tenant_id, least(
            (SELECT min(m.due_at) FROM public.planned_messages m WHERE m.tenant_id = w.tenant_id AND m.state = 'waiting'),
            (SELECT min(m.expires_at) FROM public.planned_messages m WHERE m.tenant_id = w.tenant_id AND m.state = 'waiting')
        ) AS oldest FROM planning w WHERE w.tenant_id IS NOT NULL
    ) AS p WHERE p.oldest <= moment
$$;
REVOKE ALL ON FUNCTION due_waits(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION due_waits(text, timestamptz) TO waystate_work;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO waystate_sweeper;
ALTER FUNCTION due_waits(text, timestamptz) OWNER TO waystate_sweeper;
REVOKE CREATE ON SCHEMA public FROM waystate_sweeper;
