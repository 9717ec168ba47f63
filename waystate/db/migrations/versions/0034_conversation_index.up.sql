SET LOCAL ROLE waystate_owner;
-- Who sees a conversation where `settings.agent_scope` is `assigned`: whom it is assigned to; of one that nobody has, who speaks
-- in it, and whoever is in its queue. No viewer: everybody sees it. One expression, so that it is written out where it is called
-- and indexes stay of use. waystate/conversations/sight.py says the same.
CREATE FUNCTION is_in_sight(assigned uuid, queue uuid, holder text, viewer uuid, queues uuid[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT viewer IS NULL OR coalesce(assigned = viewer, holder = 'person:' || viewer::text OR queue = ANY(queues), false)
$$;

-- What conversations are listed and sorted by, at most a second or two behind them. `waiting_since` is of open ones alone.
-- `window_from`: the customer's newest sign on the number, in whichever conversation. The counts hold every message whose event
-- stands at `counted_to` or before it, and what the sink added since.
CREATE TABLE conversation_index (
    tenant_id text NOT NULL,
    conversation_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    phone_number_id text NOT NULL,
    status text NOT NULL,
    assigned_user_id uuid,
    queue_id uuid,
    controller text NOT NULL,
    control_holder text,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    last_activity_at timestamptz NOT NULL,
    waiting_since timestamptz,
    window_from timestamptz,
    inbound bigint NOT NULL DEFAULT 0,
    outbound bigint NOT NULL DEFAULT 0,
    counted_to bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, conversation_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX conversation_index_activity ON conversation_index (tenant_id, status, last_activity_at, conversation_id);
CREATE INDEX conversation_index_number
    ON conversation_index (tenant_id, phone_number_id, status, last_activity_at, conversation_id);
CREATE INDEX conversation_index_assignee
    ON conversation_index (tenant_id, assigned_user_id, status, last_activity_at, conversation_id)
    WHERE assigned_user_id IS NOT NULL;
CREATE INDEX conversation_index_queue ON conversation_index (tenant_id, queue_id, status, last_activity_at, conversation_id)
    WHERE queue_id IS NOT NULL;
CREATE INDEX conversation_index_free ON conversation_index (tenant_id, status, last_activity_at, conversation_id)
    WHERE assigned_user_id IS NULL AND status IN ('active', 'waiting', 'error');
CREATE INDEX conversation_index_controller ON conversation_index (tenant_id, controller, status, last_activity_at, conversation_id)
    WHERE status IN ('active', 'waiting', 'error');
CREATE INDEX conversation_index_holder ON conversation_index (tenant_id, control_holder)
    WHERE assigned_user_id IS NULL AND control_holder IS NOT NULL;
CREATE INDEX conversation_index_created ON conversation_index (tenant_id, status, created_at, conversation_id);
CREATE INDEX conversation_index_waiting ON conversation_index (tenant_id, waiting_since, conversation_id)
    WHERE waiting_since IS NOT NULL;

-- The words of each message that has some (waystate/customers/words.py): one row a message, so that none is written again for
-- what is said after it, and what was taken back goes with its row.
CREATE TABLE conversation_words (
    tenant_id text NOT NULL,
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id, message_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX conversation_words_words ON conversation_words USING gin ((ARRAY[tenant_id]), words);

-- Customers whose conversations no event tells of: imports, samples, history.
CREATE TABLE conversation_index_wanted (
    tenant_id text NOT NULL,
    contact_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, contact_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);

-- What did not arrive of a conversation: few rows, for the history of its integrations.
CREATE INDEX deliveries_failed ON deliveries (tenant_id, conversation_id, finished_at, event_id) WHERE state = 'failed';

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['conversation_index', 'conversation_words', 'conversation_index_wanted'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format($p$CREATE POLICY tenant_isolation ON %I
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''))$p$, name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO waystate_app', name);
    END LOOP;
END $$;
CREATE POLICY sweep ON conversation_words FOR SELECT TO waystate_sweeper USING (true);
GRANT SELECT (tenant_id, conversation_id, words) ON conversation_words TO waystate_sweeper;
CREATE POLICY sweep ON conversation_index_wanted FOR SELECT TO waystate_sweeper USING (true);
GRANT SELECT (tenant_id) ON conversation_index_wanted TO waystate_sweeper;

-- Of the tenant that is set, the conversations of messages whose words fit: `@@` is not leakproof, so under row-level security no
-- index serves it. Planned for the words that are asked for: of a word that everybody says, the first rows are soon found.
CREATE FUNCTION find_conversations_by_words(wanted text, most int) RETURNS TABLE (conversation_id uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    RETURN QUERY EXECUTE
        'SELECT w.conversation_id FROM public.conversation_words w
        WHERE ARRAY[w.tenant_id] @> ARRAY[$1] AND w.words @@ $2::tsquery LIMIT $3'
        USING nullif(current_setting('app.tenant_id', true), ''), wanted, most;
END $$;
REVOKE ALL ON FUNCTION find_conversations_by_words(text, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_conversations_by_words(text, int) TO waystate_app;

-- Tenants whose conversations are not all in the index yet: those with events since, and those of whom more is wanted.
CREATE FUNCTION conversation_index_due() RETURNS TABLE (tenant_id text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT h.tenant_id FROM public.sink_cursors h
    LEFT JOIN public.sink_cursors c ON c.tenant_id = h.tenant_id AND c.sink = 'conversations'
    WHERE h.sink = 'head' AND (c.position IS NULL OR c.position < h.position)
    UNION SELECT w.tenant_id FROM public.conversation_index_wanted w
$$;
REVOKE ALL ON FUNCTION conversation_index_due() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION conversation_index_due() TO waystate_work;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO waystate_sweeper;
ALTER FUNCTION find_conversations_by_words(text, int) OWNER TO waystate_sweeper;
ALTER FUNCTION conversation_index_due() OWNER TO waystate_sweeper;
REVOKE CREATE ON SCHEMA public FROM waystate_sweeper;
