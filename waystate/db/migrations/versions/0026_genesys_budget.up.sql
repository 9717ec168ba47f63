SET LOCAL ROLE waystate_owner;
ALTER TABLE deliveries DROP CONSTRAINT deliveries_target_check;
ALTER TABLE deliveries ADD CONSTRAINT deliveries_target_check
    CHECK (target IN ('whatsapp', 'whatsapp_mark', 'genesys', 'genesys_file', 'genesys_receipt', 'genesys_lookup'));

-- Whether others of its account go first where that may not send everything. In the index before the position: however many receipts
-- wait, a message behind them is found at once.
ALTER TABLE deliveries ADD COLUMN yields boolean NOT NULL DEFAULT false;
DROP INDEX deliveries_unfinished;
CREATE INDEX deliveries_unfinished ON deliveries (tenant_id, yields, position, event_id)
    WHERE state IN ('pending', 'sending', 'unknown');

ALTER TABLE genesys_integrations
    ADD COLUMN receipts text NOT NULL DEFAULT 'final' CHECK (receipts IN ('all', 'final', 'failed', 'none')),
    ADD COLUMN prefetch_conversation_id boolean NOT NULL DEFAULT true;

-- What waits for Genesys, of all tenants, for the gauges.
GRANT SELECT (account, target) ON deliveries TO waystate_sweeper;
CREATE FUNCTION waiting_for_genesys() RETURNS TABLE (tenant_id text, account text, target text, items bigint, oldest timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
    SELECT d.tenant_id, d.account, d.target, count(*), min(d.created_at) FROM public.deliveries d
    WHERE d.state IN ('pending', 'sending') AND d.target IN ('genesys', 'genesys_file', 'genesys_receipt', 'genesys_lookup')
    GROUP BY d.tenant_id, d.account, d.target
$$;
REVOKE ALL ON FUNCTION waiting_for_genesys() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION waiting_for_genesys() TO waystate_work;
RESET ROLE;
GRANT CREATE ON SCHEMA public TO waystate_sweeper;
ALTER FUNCTION waiting_for_genesys() OWNER TO waystate_sweeper;
REVOKE CREATE ON SCHEMA public FROM waystate_sweeper;
