SET LOCAL ROLE waystate_owner;
-- The owner is bound by the tenants' policies, and belongs to none. Until now a person spoke as `external`; sample data was led by an
-- `agent` who is nobody.
ALTER TABLE conversations NO FORCE ROW LEVEL SECURITY;
UPDATE conversations SET controller = 'external', control_holder = 'genesys' WHERE controller = 'agent' AND assigned_user_id IS NULL;
UPDATE conversations SET controller = 'agent', assigned_user_id = substr(control_holder, 8)::uuid, acted_at = last_activity_at
WHERE controller = 'external' AND control_holder ~ '^person:[0-9a-f-]{36}$';
ALTER TABLE conversations FORCE ROW LEVEL SECURITY;
ALTER TABLE conversations ADD CONSTRAINT conversations_agent CHECK (controller <> 'agent' OR assigned_user_id IS NOT NULL);
-- Whose lease may be over. Without `acted_at`, which each message of theirs moves: the update that it makes stays heap-only.
CREATE INDEX conversations_led ON conversations (tenant_id, assigned_user_id)
    WHERE controller = 'agent' AND status IN ('active', 'waiting', 'error');
GRANT SELECT (controller, assigned_user_id) ON conversations TO waystate_sweeper;

-- Tenants in which a person has an open conversation, from one to the next by the first entry of the index.
CREATE FUNCTION tenants_with_agents() RETURNS TABLE (tenant_id text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    WITH RECURSIVE led (tenant_id) AS (
        (SELECT c.tenant_id FROM public.conversations c
            WHERE c.controller = 'agent' AND c.status IN ('active', 'waiting', 'error') ORDER BY c.tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT c.tenant_id FROM public.conversations c
            WHERE c.controller = 'agent' AND c.status IN ('active', 'waiting', 'error') AND c.tenant_id > l.tenant_id
            ORDER BY c.tenant_id LIMIT 1) FROM led l WHERE l.tenant_id IS NOT NULL
    )
    SELECT l.tenant_id FROM led l WHERE l.tenant_id IS NOT NULL
$$;
REVOKE ALL ON FUNCTION tenants_with_agents() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenants_with_agents() TO waystate_work;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO waystate_sweeper;
ALTER FUNCTION tenants_with_agents() OWNER TO waystate_sweeper;
REVOKE CREATE ON SCHEMA public FROM waystate_sweeper;
