SET LOCAL ROLE waystate_owner;
-- Texts for answers that are given often: of the whole tenant, or of one queue.
CREATE TABLE replies (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id uuid NOT NULL,
    queue_id uuid,
    shortcut text COLLATE "C" NOT NULL CHECK (length(shortcut) BETWEEN 1 AND 50),
    title text CHECK (length(title) BETWEEN 1 AND 200),
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 4096),
    created_at timestamptz NOT NULL,
    edited_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, queue_id) REFERENCES queues (tenant_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX replies_of_tenant ON replies (tenant_id, shortcut) WHERE queue_id IS NULL;
CREATE UNIQUE INDEX replies_of_queue ON replies (tenant_id, queue_id, shortcut) WHERE queue_id IS NOT NULL;
CREATE INDEX replies_order ON replies (tenant_id, shortcut);

-- Who wrote a note may leave; what they wrote stays. `author_kind` and `author_id` as the audit log names an actor.
CREATE TABLE conversation_notes (
    tenant_id text NOT NULL,
    conversation_id uuid NOT NULL,
    id uuid NOT NULL,
    author_kind text NOT NULL CHECK (author_kind IN ('user', 'key', 'trusted', 'operator', 'system')),
    author_id uuid,
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 4096),
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
);

-- Those that somebody added; the conversation's own contact and agent, and a group's people, are read where they stand.
CREATE TABLE conversation_participants (
    tenant_id text NOT NULL,
    conversation_id uuid NOT NULL,
    party_id uuid GENERATED ALWAYS AS (coalesce(contact_id, user_id)) STORED,
    contact_id uuid,
    user_id uuid,
    role text NOT NULL CHECK (role IN ('customer', 'agent', 'observer')),
    added_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id, party_id),
    CHECK (num_nonnulls(contact_id, user_id) = 1),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE
);
CREATE INDEX conversation_participants_contact ON conversation_participants (tenant_id, contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX conversation_participants_user ON conversation_participants (tenant_id, user_id) WHERE user_id IS NOT NULL;

-- How far a person has read: `message_id` is the newest that had been received, `sent_at` the newest that had been sent.
CREATE TABLE conversation_reads (
    tenant_id text NOT NULL,
    conversation_id uuid NOT NULL,
    user_id uuid NOT NULL,
    message_id uuid NOT NULL,
    sent_at timestamptz NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id, user_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE
);
CREATE INDEX conversation_reads_user ON conversation_reads (tenant_id, user_id);
-- The newest of the customer's messages of which they were shown that it was read; WhatsApp shows all before it alike.
ALTER TABLE conversations ADD COLUMN shown_read uuid;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['replies', 'conversation_notes', 'conversation_participants', 'conversation_reads'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format($p$CREATE POLICY tenant_isolation ON %I
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''))$p$, name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO waystate_app', name);
    END LOOP;
END $$;
RESET ROLE;
