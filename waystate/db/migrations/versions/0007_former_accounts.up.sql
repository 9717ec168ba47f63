SET LOCAL ROLE waystate_owner;
-- Written when something takes a way from a number or gives it one: what Waystate sent for it until then. `until` is the newest
-- position at that moment; of two changes with the same one the first counts, for between them came nothing.
CREATE TABLE former_accounts (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    phone_number_id text NOT NULL,
    until bigint NOT NULL,
    to_whatsapp boolean NOT NULL,
    to_genesys boolean NOT NULL,
    PRIMARY KEY (tenant_id, phone_number_id, until)
);
ALTER TABLE former_accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE former_accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON former_accounts
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
GRANT SELECT, INSERT, UPDATE, DELETE ON former_accounts TO waystate_app;
RESET ROLE;
