SET LOCAL ROLE waystate_owner;
-- Contacts that turned out to be others. The merged one's id stays an alias of `contact_id`, which is where it leads to by now;
-- `into_id` is what it was merged into, and `undo` what it was: its fields, identities, conversations, and those that were closed.
CREATE TABLE contact_merges (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    merged_id uuid NOT NULL,
    into_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    merged_at timestamptz NOT NULL,
    undo jsonb NOT NULL,
    PRIMARY KEY (tenant_id, merged_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_merges_contact ON contact_merges (tenant_id, contact_id);
ALTER TABLE contact_merges ENABLE ROW LEVEL SECURITY;
ALTER TABLE contact_merges FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON contact_merges
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
GRANT SELECT, INSERT, UPDATE, DELETE ON contact_merges TO waystate_app;
RESET ROLE;
