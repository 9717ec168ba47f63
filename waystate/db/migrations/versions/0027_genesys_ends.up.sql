SET LOCAL ROLE waystate_owner;
-- Shown in a header by whoever tells of ends of conversations; without one nothing is taken.
ALTER TABLE genesys_integrations ADD COLUMN event_secret bytea;

ALTER TABLE webhook_ledger DROP CONSTRAINT webhook_ledger_source_check;
ALTER TABLE webhook_ledger ADD CONSTRAINT webhook_ledger_source_check CHECK (source IN ('whatsapp', 'genesys', 'genesys_events'));

-- When Genesys was asked about a conversation last, and how often in a row it knew none.
CREATE TABLE genesys_checks (
    tenant_id text NOT NULL,
    conversation_id uuid NOT NULL,
    checked_at timestamptz NOT NULL,
    unknown smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, conversation_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
);
ALTER TABLE genesys_checks ENABLE ROW LEVEL SECURITY;
ALTER TABLE genesys_checks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON genesys_checks
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
GRANT SELECT, INSERT, UPDATE, DELETE ON genesys_checks TO waystate_app;

-- Of those that Genesys ended the last messages are asked for once more.
CREATE INDEX conversations_ended ON conversations (tenant_id, closed_at) WHERE close_reason = 'genesys_ended';

-- Times in which nobody of the installation could write: Genesys gives a message up after 25 to 85 seconds of that.
CREATE TABLE absences (
    since timestamptz PRIMARY KEY,
    until timestamptz NOT NULL
);
CREATE INDEX absences_until ON absences (until);
GRANT SELECT, INSERT, DELETE ON absences TO waystate_work;
RESET ROLE;
