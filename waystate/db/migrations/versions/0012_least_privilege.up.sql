SET LOCAL ROLE waystate_owner;
-- Each runtime role sees of tenants and routes what it needs. A tenant's transaction sees its own tenant; who takes webhooks in sees
-- whose an id is; work looks after all of them. Foreign keys are checked by the owner, whom these policies do not bind.
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE routes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants FOR SELECT TO waystate_app USING (id = nullif(current_setting('app.tenant_id', true), ''));
CREATE POLICY work ON tenants TO waystate_work USING (true) WITH CHECK (true);
CREATE POLICY look_up ON routes FOR SELECT TO waystate_ingest USING (true);
CREATE POLICY work ON routes TO waystate_work USING (true) WITH CHECK (true);

REVOKE ALL ON tenants, routes FROM waystate_app, waystate_work, waystate_ingest;
GRANT SELECT (id, name, settings, quotas, status, deletion, revision) ON tenants TO waystate_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants TO waystate_work;
GRANT SELECT (kind, external_id, tenant_id, account_id, revision) ON routes TO waystate_ingest;
GRANT SELECT, INSERT, DELETE ON routes TO waystate_work;
RESET ROLE;
