-- Roles. They belong to the cluster, not the database, and the login role must be able to become each of them.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['waystate_owner', 'waystate_ingest', 'waystate_app', 'waystate_work', 'waystate_sweeper'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of this cluster migrates at the same moment
            END;
        END IF;
        EXECUTE format('GRANT %I TO CURRENT_USER', name);
    END LOOP;
    GRANT waystate_app TO waystate_work;
    -- The sweeper's function is handed to it by the owner.
    GRANT waystate_sweeper TO waystate_owner;
EXCEPTION WHEN insufficient_privilege THEN
    NULL;  -- a DBA ran what `waystate migrate --print-roles` prints; if not, the next statement that needs a role says so
END $$;
GRANT USAGE, CREATE ON SCHEMA public TO waystate_owner;
GRANT USAGE ON SCHEMA public TO waystate_ingest, waystate_app, waystate_work, waystate_sweeper;

SET LOCAL ROLE waystate_owner;

-- ---------------------------------------------------------------------------------------------- global tables
CREATE TABLE tenants (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    settings jsonb NOT NULL DEFAULT '{}',
    quotas jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE meta_apps (
    id text PRIMARY KEY,
    app_secret bytea NOT NULL,
    verify_token bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE routes (
    kind text NOT NULL CHECK (kind IN ('phone_number_id', 'waba', 'genesys_integration')),
    external_id text NOT NULL,
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    account_id uuid NOT NULL,
    PRIMARY KEY (kind, external_id)
);

CREATE SEQUENCE ledger_taken;

CREATE TABLE webhook_ledger (
    day date NOT NULL,
    id uuid NOT NULL,
    source text NOT NULL CHECK (source IN ('whatsapp', 'genesys')),
    origin text NOT NULL,
    lane smallint NOT NULL,
    parent uuid,
    received_at timestamptz NOT NULL,
    taken bigint,
    attempts smallint NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'rejected')),
    outcome jsonb,
    body bytea NOT NULL,
    PRIMARY KEY (day, id)
) PARTITION BY RANGE (day);
CREATE INDEX webhook_ledger_pending ON webhook_ledger (lane, id) WHERE state = 'pending';
CREATE INDEX webhook_ledger_rejected ON webhook_ledger (id) WHERE state = 'rejected';

CREATE TABLE leases (
    kind text NOT NULL,
    lane smallint NOT NULL,
    holder text,
    epoch bigint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (kind, lane)
);

-- Who is there to share the lanes of a kind, with or without one of them yet.
CREATE TABLE lease_members (
    kind text NOT NULL,
    holder text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (kind, holder)
);

CREATE TABLE timers (
    name text PRIMARY KEY,
    due_at timestamptz NOT NULL,
    last_run_at timestamptz
);

-- ---------------------------------------------------------------------------------------------- tables of a tenant
CREATE TABLE genesys_integrations (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id uuid NOT NULL,
    integration_id text NOT NULL,
    region text NOT NULL,
    api_url text NOT NULL,
    login_url text NOT NULL,
    client_id text NOT NULL,
    client_secret bytea NOT NULL,
    webhook_secret bytea NOT NULL,
    limits jsonb NOT NULL DEFAULT '{}',
    sender text NOT NULL DEFAULT 'waystate' CHECK (sender IN ('waystate', 'external')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, integration_id)
);

CREATE TABLE whatsapp_accounts (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id uuid NOT NULL,
    phone_number_id text NOT NULL,
    display_phone_number text NOT NULL,
    business_account_id text NOT NULL,
    meta_app_id text NOT NULL REFERENCES meta_apps,
    api_url text NOT NULL,
    access_token bytea NOT NULL,
    limits jsonb NOT NULL DEFAULT '{}',
    genesys_integration_id uuid,
    sender text NOT NULL DEFAULT 'waystate' CHECK (sender IN ('waystate', 'external')),
    is_default boolean NOT NULL DEFAULT false,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, phone_number_id),
    -- Genesys threads by (integration, from.id), so an integration serves one number.
    UNIQUE (tenant_id, genesys_integration_id),
    FOREIGN KEY (tenant_id, genesys_integration_id) REFERENCES genesys_integrations (tenant_id, id)
);
CREATE UNIQUE INDEX whatsapp_accounts_default ON whatsapp_accounts (tenant_id) WHERE is_default;

CREATE TABLE contacts (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id uuid NOT NULL,
    name text,
    email text,
    phone_number text,
    profile_picture_url text,
    tags text[] NOT NULL DEFAULT '{}',
    preferences jsonb NOT NULL DEFAULT '{}',
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE contact_identities (
    tenant_id text NOT NULL,
    channel text NOT NULL CHECK (channel IN ('whatsapp')),
    kind text NOT NULL CHECK (kind IN ('wa_id', 'bsuid', 'parent_bsuid')),
    external_id text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_to timestamptz,
    contact_id uuid NOT NULL,
    attested boolean NOT NULL DEFAULT true,
    PRIMARY KEY (tenant_id, contact_id, channel, kind, external_id, valid_from),
    -- Deferred, so that the identity's unique index can decide which of two new contacts a person becomes.
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX contact_identities_valid ON contact_identities (tenant_id, channel, kind, external_id) WHERE valid_to IS NULL;

CREATE TABLE conversations (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    phone_number_id text NOT NULL,
    wa_id text,
    genesys_conversation_id text,
    communication_id text,
    last_message_id text,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'waiting', 'closed', 'expired', 'error')),
    controller text NOT NULL DEFAULT 'none' CHECK (controller IN ('none', 'flow', 'agent', 'external')),
    assigned_user_id uuid,
    expires_at timestamptz NOT NULL,
    -- Indexed in place of expires_at: it seldom changes, so the update that every message makes stays heap-only.
    expires_hour timestamptz NOT NULL GENERATED ALWAYS AS (date_bin('1 hour', expires_at, '2000-01-01 00:00:00Z')) STORED,
    last_activity_at timestamptz NOT NULL,
    last_customer_message_at timestamptz,
    last_message_at timestamptz,
    last_message text CHECK (length(last_message) <= 1000),
    closed_at timestamptz,
    close_reason text,
    version bigint NOT NULL DEFAULT 1,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE,
    CHECK ((status IN ('closed', 'expired')) = (closed_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX conversations_one_open ON conversations (tenant_id, phone_number_id, contact_id)
    WHERE status IN ('active', 'waiting', 'error');
CREATE INDEX conversations_contact ON conversations (tenant_id, contact_id, id);
CREATE INDEX conversations_genesys ON conversations (tenant_id, genesys_conversation_id, id) WHERE genesys_conversation_id IS NOT NULL;
CREATE INDEX conversations_expiry ON conversations (tenant_id, expires_hour) WHERE status IN ('active', 'waiting', 'error');

CREATE TABLE messages (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    direction text NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    first_status text NOT NULL,
    status text NOT NULL CHECK (status IN ('queued', 'sent', 'delivered', 'read', 'received', 'processed', 'failed')),
    wamid text,
    genesys_message_id text,
    type text NOT NULL,
    text text,
    content jsonb NOT NULL DEFAULT '{}',
    media jsonb,
    sender text,
    origin text NOT NULL,
    sent_at timestamptz NOT NULL,
    delivered_at timestamptz,
    read_at timestamptz,
    failed_at timestamptz,
    error jsonb,
    metadata jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
) PARTITION BY RANGE (id);
CREATE INDEX messages_history ON messages (tenant_id, conversation_id, sent_at, id);

CREATE TABLE message_keys (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    source text NOT NULL CHECK (source IN ('whatsapp', 'genesys')),
    external_id text NOT NULL,
    message_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, source, external_id)
);

CREATE TABLE message_events (
    tenant_id text NOT NULL,
    message_id uuid NOT NULL,
    status text NOT NULL,
    at timestamptz NOT NULL,
    source text NOT NULL,
    recipient text NOT NULL DEFAULT '',
    id uuid NOT NULL,
    origin text NOT NULL,
    applied boolean NOT NULL,
    why_not text CHECK ((why_not IS NULL) = applied),
    error jsonb,
    -- What makes a report the same report: a webhook delivered fifty times is one row of history.
    PRIMARY KEY (tenant_id, message_id, status, at, source, recipient)
) PARTITION BY RANGE (message_id);

CREATE TABLE early_statuses (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    external_id text NOT NULL,
    status text NOT NULL,
    at timestamptz NOT NULL,
    source text NOT NULL,
    recipient text NOT NULL DEFAULT '',
    id uuid NOT NULL,
    origin text NOT NULL,
    error jsonb,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, external_id, status, at, source, recipient)
);

CREATE TABLE events (
    tenant_id text NOT NULL,
    position bigint NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    conversation_id uuid,
    message_id uuid,
    at timestamptz NOT NULL,
    data jsonb NOT NULL,
    -- Read by position only; the id is there because partitions need it.
    PRIMARY KEY (tenant_id, position, id)
) PARTITION BY RANGE (id);

CREATE TABLE sink_cursors (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    sink text NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, sink)
) WITH (fillfactor = 50);

CREATE TABLE deliveries (
    tenant_id text NOT NULL,
    event_id uuid NOT NULL,
    target text NOT NULL CHECK (target IN ('whatsapp', 'genesys', 'genesys_receipt')),
    message_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    account text NOT NULL,
    lane smallint NOT NULL,
    order_key text NOT NULL,
    position bigint NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending', 'sent', 'failed', 'unknown')),
    attempts smallint NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    hold_until timestamptz,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    external_id text,
    error jsonb,
    request jsonb NOT NULL,
    PRIMARY KEY (tenant_id, event_id, target)
) PARTITION BY RANGE (event_id);
CREATE INDEX deliveries_unfinished ON deliveries (tenant_id, position, event_id)
    WHERE state IN ('pending', 'sending', 'unknown');
CREATE INDEX deliveries_message ON deliveries (tenant_id, message_id);

CREATE TABLE delivery_attempts (
    tenant_id text NOT NULL,
    event_id uuid NOT NULL,
    target text NOT NULL,
    attempt smallint NOT NULL,
    holder text NOT NULL,
    epoch bigint NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    outcome text CHECK (outcome IN ('sent', 'retry', 'failed', 'unknown')),
    http_status smallint,
    error jsonb,
    PRIMARY KEY (tenant_id, event_id, target, attempt)
) PARTITION BY RANGE (event_id);

CREATE TABLE dead_letters (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id uuid NOT NULL,
    pipeline text NOT NULL CHECK (pipeline IN ('inbound', 'outbound', 'status', 'correlation', 'deliveries')),
    reason text NOT NULL,
    error_message text NOT NULL,
    original_payload jsonb NOT NULL,
    -- What a replay runs once somebody mended it; the original stays readable.
    edited_payload jsonb,
    origin text NOT NULL,
    retry_count integer NOT NULL DEFAULT 0,
    last_reason text,
    last_error text,
    last_tried_at timestamptz,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'replayed', 'discarded')),
    note text CHECK (length(note) <= 1000),
    edited_at timestamptz,
    replayed_at timestamptz,
    discarded_at timestamptz,
    -- Who acted last, for an audit: the kind of principal, and the key's id where there is one.
    actor_kind text,
    actor_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, pipeline, origin),
    CHECK ((status = 'replayed') = (replayed_at IS NOT NULL)),
    CHECK ((status = 'discarded') = (discarded_at IS NOT NULL))
);
CREATE INDEX dead_letters_of_status ON dead_letters (tenant_id, status, id);
-- For the gauge, and for one reason's open ones in order.
CREATE INDEX dead_letters_open ON dead_letters (tenant_id, reason, id) WHERE status = 'open';

CREATE TABLE api_keys (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id uuid NOT NULL,
    name text NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);

-- ---------------------------------------------------------------------------------------------- isolation
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['genesys_integrations', 'whatsapp_accounts', 'contacts', 'contact_identities', 'conversations',
        'messages', 'message_keys', 'message_events', 'early_statuses', 'events', 'sink_cursors', 'deliveries',
        'delivery_attempts', 'dead_letters', 'api_keys'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format($p$CREATE POLICY tenant_isolation ON %I
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''))$p$, name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO waystate_app', name);
    END LOOP;
END $$;
-- History is written once.
REVOKE UPDATE ON message_events FROM waystate_app;

GRANT SELECT ON tenants, routes TO waystate_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants, routes, meta_apps, leases, lease_members, timers TO waystate_work;
GRANT SELECT, INSERT, UPDATE ON webhook_ledger TO waystate_work;
GRANT SELECT ON meta_apps, routes TO waystate_ingest;
GRANT INSERT ON webhook_ledger TO waystate_ingest;
GRANT USAGE ON SEQUENCE ledger_taken TO waystate_work;

-- ---------------------------------------------------------------------------------------------- finding work
-- The sweeper sees keys and due times of every tenant, and nothing else of them.
CREATE POLICY sweep ON events FOR SELECT TO waystate_sweeper USING (true);
CREATE POLICY sweep ON sink_cursors FOR SELECT TO waystate_sweeper USING (true);
CREATE POLICY sweep ON deliveries FOR SELECT TO waystate_sweeper USING (true);
CREATE POLICY sweep ON conversations FOR SELECT TO waystate_sweeper USING (true);
CREATE POLICY sweep ON early_statuses FOR SELECT TO waystate_sweeper USING (true);
CREATE POLICY sweep ON dead_letters FOR SELECT TO waystate_sweeper USING (true);
GRANT SELECT (tenant_id, position, at) ON events TO waystate_sweeper;
GRANT SELECT (tenant_id, sink, position) ON sink_cursors TO waystate_sweeper;
GRANT SELECT (tenant_id, state, next_attempt_at, hold_until, created_at) ON deliveries TO waystate_sweeper;
GRANT SELECT (tenant_id, status, expires_hour, expires_at) ON conversations TO waystate_sweeper;
GRANT SELECT (tenant_id, received_at) ON early_statuses TO waystate_sweeper;
GRANT SELECT (tenant_id, reason, status) ON dead_letters TO waystate_sweeper;

-- Which tenants have work of a kind due at a moment: the one audited look across tenants.
CREATE FUNCTION due_work(kind text, moment timestamptz) RETURNS TABLE (tenant_id text, items bigint, oldest timestamptz)
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
    SELECT s.tenant_id, count(*), min(s.received_at) FROM public.early_statuses s
        WHERE kind = 'early' GROUP BY s.tenant_id
    UNION ALL
    SELECT c.tenant_id, count(*), min(c.expires_at) FROM public.conversations c
        WHERE kind = 'open' AND c.status IN ('active', 'waiting', 'error') GROUP BY c.tenant_id
$$;
REVOKE ALL ON FUNCTION due_work(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION due_work(text, timestamptz) TO waystate_work;

-- How many dead letters are open for each reason, of all tenants together: an operator's alarm.
CREATE FUNCTION open_dead_letters() RETURNS TABLE (reason text, items bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT d.reason, count(*) FROM public.dead_letters d WHERE d.status = 'open' GROUP BY d.reason
$$;
REVOKE ALL ON FUNCTION open_dead_letters() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_dead_letters() TO waystate_work;
-- A new owner needs CREATE on the schema at the moment of the hand-over only.
RESET ROLE;
GRANT CREATE ON SCHEMA public TO waystate_sweeper;
ALTER FUNCTION due_work(text, timestamptz) OWNER TO waystate_sweeper;
ALTER FUNCTION open_dead_letters() OWNER TO waystate_sweeper;
REVOKE CREATE ON SCHEMA public FROM waystate_sweeper;
SET LOCAL ROLE waystate_owner;

-- ---------------------------------------------------------------------------------------------- default partitions
-- Rows land here only when partitions were not made ahead of time: the first one raises an alarm.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['webhook_ledger', 'messages', 'message_events', 'events', 'deliveries', 'delivery_attempts'] LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', name || '_default', name);
        IF name <> 'webhook_ledger' THEN
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name || '_default');
            EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name || '_default');
            EXECUTE format($p$CREATE POLICY tenant_isolation ON %I
                USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
                WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''))$p$, name || '_default');
        END IF;
    END LOOP;
END $$;
RESET ROLE;
