SET LOCAL ROLE waystate_owner;
-- When a place is open. What is valid from a day on stands beside what was valid before: reports use the one of their day.
-- `slots` and `holidays` as waystate/schedules/model.py writes them.
CREATE TABLE schedules (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL,
    edited_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);
CREATE TABLE schedule_versions (
    tenant_id text NOT NULL,
    schedule_id uuid NOT NULL,
    valid_from date NOT NULL,
    time_zone text NOT NULL,
    slots jsonb NOT NULL,
    holidays jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (tenant_id, schedule_id, valid_from),
    FOREIGN KEY (tenant_id, schedule_id) REFERENCES schedules (tenant_id, id) ON DELETE CASCADE
);

-- Where conversations wait for one of several people. `genesys_queue` is the id of the queue there that stands for it.
CREATE TABLE queues (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    genesys_queue text CHECK (length(genesys_queue) BETWEEN 1 AND 200),
    schedule_id uuid,
    created_at timestamptz NOT NULL,
    edited_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name),
    FOREIGN KEY (tenant_id, schedule_id) REFERENCES schedules (tenant_id, id)
);
CREATE INDEX queues_schedule ON queues (tenant_id, schedule_id) WHERE schedule_id IS NOT NULL;
CREATE TABLE queue_members (
    tenant_id text NOT NULL,
    queue_id uuid NOT NULL,
    user_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, queue_id, user_id),
    FOREIGN KEY (tenant_id, queue_id) REFERENCES queues (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE
);
CREATE INDEX queue_members_user ON queue_members (tenant_id, user_id);

-- `waiting_since`: the customer's first message that nobody has answered. `acted_at`: the last act of the agent who has it, from
-- which their lease counts. `closed_by`: who closed it, of those a person closed.
ALTER TABLE conversations
    ADD COLUMN queue_id uuid,
    ADD COLUMN subject text CHECK (length(subject) BETWEEN 1 AND 200),
    ADD COLUMN waiting_since timestamptz,
    ADD COLUMN acted_at timestamptz,
    ADD COLUMN closed_by text CHECK (length(closed_by) <= 200),
    ADD CONSTRAINT conversations_queue FOREIGN KEY (tenant_id, queue_id) REFERENCES queues (tenant_id, id)
        ON DELETE SET NULL (queue_id);
CREATE INDEX conversations_of_queue ON conversations (tenant_id, queue_id) WHERE queue_id IS NOT NULL;
CREATE INDEX conversations_of_agent ON conversations (tenant_id, assigned_user_id) WHERE assigned_user_id IS NOT NULL;

CREATE TABLE conversation_tags (
    tenant_id text NOT NULL,
    tag text NOT NULL,
    conversation_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, tag, conversation_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX conversation_tags_of_conversation ON conversation_tags (tenant_id, conversation_id);

-- What happened to a conversation, written with its event and kept as long as the conversation; events are not.
CREATE TABLE conversation_log (
    tenant_id text NOT NULL,
    conversation_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    type text NOT NULL,
    data jsonb NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX conversation_log_order ON conversation_log (tenant_id, conversation_id, at, id);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['schedules', 'schedule_versions', 'queues', 'queue_members', 'conversation_tags', 'conversation_log'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format($p$CREATE POLICY tenant_isolation ON %I
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''))$p$, name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO waystate_app', name);
    END LOOP;
END $$;

-- The people of the tenant that is set, who accepted: a tenant's role reads no accounts. NULL asks for all of them.
CREATE FUNCTION list_colleagues(wanted uuid[]) RETURNS TABLE (id uuid, name text, role text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT u.id, u.name, m.role FROM public.memberships m JOIN public.users u ON u.id = m.user_id
    WHERE m.tenant_id = nullif(current_setting('app.tenant_id', true), '') AND m.invitation_hash IS NULL AND u.status = 'active'
        AND (wanted IS NULL OR m.user_id = ANY(wanted))
$$;
REVOKE ALL ON FUNCTION list_colleagues(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_colleagues(uuid[]) TO waystate_app;
GRANT SELECT (id, name, status) ON users TO waystate_sweeper;
GRANT SELECT (tenant_id, user_id, role, invitation_hash) ON memberships TO waystate_sweeper;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO waystate_sweeper;
ALTER FUNCTION list_colleagues(uuid[]) OWNER TO waystate_sweeper;
REVOKE CREATE ON SCHEMA public FROM waystate_sweeper;
