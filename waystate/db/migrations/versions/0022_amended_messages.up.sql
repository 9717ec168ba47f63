SET LOCAL ROLE waystate_owner;
ALTER TABLE messages ADD COLUMN edited_at timestamptz, ADD COLUMN revoked_at timestamptz;

-- A message as it was from `at` on. By the wamid of the message, for an edit or a revocation can come before what it changes.
-- `changed_by`: the wamid of what changed it, of an original its own; `id` tells when it was learned.
CREATE TABLE message_versions (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    wamid text NOT NULL,
    changed_by text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('original', 'edit', 'revoke')),
    contact_id uuid NOT NULL,
    at timestamptz NOT NULL,
    id uuid NOT NULL,
    type text NOT NULL,
    text text,
    content jsonb NOT NULL DEFAULT '{}',
    media jsonb,
    PRIMARY KEY (tenant_id, wamid, changed_by)
);

-- The newest word of a customer about a message; `emoji` is null once it was taken back.
CREATE TABLE message_reactions (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    wamid text NOT NULL,
    contact_id uuid NOT NULL,
    emoji text,
    at timestamptz NOT NULL,
    id uuid NOT NULL,
    changed_by text NOT NULL,
    PRIMARY KEY (tenant_id, wamid, contact_id)
);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['message_versions', 'message_reactions'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format($p$CREATE POLICY tenant_isolation ON %I
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''))$p$, name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO waystate_app', name);
    END LOOP;
END $$;
-- What somebody wrote is written once.
REVOKE UPDATE ON message_versions FROM waystate_app;

-- What a status says beside itself: its price, its conversation.
ALTER TABLE message_events ADD COLUMN details jsonb;
ALTER TABLE early_statuses ADD COLUMN details jsonb;
RESET ROLE;
