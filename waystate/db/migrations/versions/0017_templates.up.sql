SET LOCAL ROLE waystate_owner;
-- How far the templates of a business account are known. `synced_at`: when the last listing that was written down began. `asked_at`:
-- when one was asked for last, `error` what came of that if it failed. `due_at`: when the next one is.
CREATE TABLE template_syncs (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    business_account_id text NOT NULL,
    synced_at timestamptz,
    asked_at timestamptz,
    due_at timestamptz NOT NULL,
    error jsonb,
    PRIMARY KEY (tenant_id, business_account_id)
);

-- Each `…_at` of a fact is when that was so at WhatsApp; `changed_at` is the latest of them that changed something, `synced_at` when it
-- was listed last. `components` is WhatsApp's own definition, null while only a webhook told of the template.
CREATE TABLE templates (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id uuid NOT NULL,
    business_account_id text NOT NULL,
    external_id text,
    name text NOT NULL,
    language text NOT NULL,
    category text,
    category_at timestamptz,
    status text,
    reason text,
    status_at timestamptz,
    quality text,
    quality_at timestamptz,
    parameter_format text,
    components jsonb,
    components_at timestamptz,
    changed_at timestamptz NOT NULL,
    synced_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, business_account_id, name, language),
    FOREIGN KEY (tenant_id, business_account_id) REFERENCES template_syncs (tenant_id, business_account_id) ON DELETE CASCADE
);
-- A webhook may name a template by WhatsApp's id alone.
CREATE INDEX templates_external ON templates (tenant_id, business_account_id, external_id);

ALTER TABLE template_syncs ENABLE ROW LEVEL SECURITY;
ALTER TABLE template_syncs FORCE ROW LEVEL SECURITY;
ALTER TABLE templates ENABLE ROW LEVEL SECURITY;
ALTER TABLE templates FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON template_syncs
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
CREATE POLICY tenant_isolation ON templates
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
CREATE POLICY sweep ON template_syncs FOR SELECT TO waystate_sweeper USING (true);
GRANT SELECT (tenant_id, business_account_id, due_at) ON template_syncs TO waystate_sweeper;
GRANT SELECT, INSERT, UPDATE, DELETE ON template_syncs, templates TO waystate_app;

-- When each business account's templates are to be listed next, of all tenants: what has no row here was never listed.
CREATE FUNCTION template_syncs_due() RETURNS TABLE (tenant_id text, business_account_id text, due_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT s.tenant_id, s.business_account_id, s.due_at FROM public.template_syncs s
$$;
REVOKE ALL ON FUNCTION template_syncs_due() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION template_syncs_due() TO waystate_work;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO waystate_sweeper;
ALTER FUNCTION template_syncs_due() OWNER TO waystate_sweeper;
REVOKE CREATE ON SCHEMA public FROM waystate_sweeper;
SET LOCAL ROLE waystate_owner;

ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_pipeline_check;
ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_pipeline_check
    CHECK (pipeline IN ('inbound', 'outbound', 'status', 'correlation', 'deliveries', 'templates'));
RESET ROLE;
