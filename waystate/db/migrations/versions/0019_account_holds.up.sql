SET LOCAL ROLE waystate_owner;
-- Numbers that WhatsApp refuses as such: nothing of theirs leaves until somebody mends the cause. `told_by`: the answer to a send, which
-- the next accepted send takes back, or a `failed` status of what was accepted, which only another status does.
CREATE TABLE account_holds (
    tenant_id text NOT NULL,
    phone_number_id text NOT NULL,
    since timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('auth', 'account', 'billing')),
    told_by text NOT NULL CHECK (told_by IN ('answer', 'status')),
    error jsonb NOT NULL,
    PRIMARY KEY (tenant_id, phone_number_id),
    FOREIGN KEY (tenant_id, phone_number_id) REFERENCES whatsapp_accounts (tenant_id, phone_number_id) ON DELETE CASCADE
);
ALTER TABLE account_holds ENABLE ROW LEVEL SECURITY;
ALTER TABLE account_holds FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON account_holds
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
CREATE POLICY sweep ON account_holds FOR SELECT TO waystate_sweeper USING (true);
GRANT SELECT (tenant_id, kind) ON account_holds TO waystate_sweeper;
GRANT SELECT, INSERT, DELETE ON account_holds TO waystate_app;

-- How many numbers are held for each kind of reason, of all tenants together: an operator's alarm.
CREATE FUNCTION numbers_held() RETURNS TABLE (kind text, items bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT h.kind, count(*) FROM public.account_holds h GROUP BY h.kind
$$;
REVOKE ALL ON FUNCTION numbers_held() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION numbers_held() TO waystate_work;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO waystate_sweeper;
ALTER FUNCTION numbers_held() OWNER TO waystate_sweeper;
REVOKE CREATE ON SCHEMA public FROM waystate_sweeper;
