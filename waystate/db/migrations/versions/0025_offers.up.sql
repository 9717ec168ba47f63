SET LOCAL ROLE waystate_owner;
-- The newest message of a conversation by which an agent or a bot offers something to choose from, until the customer answers it.
-- What it offers stands in the message. `is_numbered`: it went as a text with numbers, which an answer may name.
CREATE TABLE offers (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    is_numbered boolean NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
);

ALTER TABLE offers ENABLE ROW LEVEL SECURITY;
ALTER TABLE offers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON offers
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
GRANT SELECT, INSERT, UPDATE, DELETE ON offers TO waystate_app;

-- When the customer was last shown that an agent or a bot types.
ALTER TABLE conversations ADD COLUMN typing_at timestamptz;
RESET ROLE;
