SET LOCAL ROLE waystate_owner;
-- What a business says of the message `wamid` is the reaction `message_id`, a message of its own: whether that was sent is asked there.
CREATE TABLE business_reactions (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    wamid text NOT NULL,
    message_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, wamid, message_id)
);

-- Messages that an edit, a revocation or a reaction names and that were not known when it came: what waits for one goes with time.
CREATE TABLE awaited_messages (
    tenant_id text NOT NULL REFERENCES tenants ON DELETE CASCADE,
    wamid text NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, wamid)
);
CREATE INDEX awaited_messages_by_age ON awaited_messages (tenant_id, since);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['business_reactions', 'awaited_messages'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format($p$CREATE POLICY tenant_isolation ON %I
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''))$p$, name);
        EXECUTE format('GRANT SELECT, INSERT, DELETE ON %I TO waystate_app', name);
    END LOOP;
END $$;

-- What waits already, counted from now on. The owner is bound by the tenants' policies, and belongs to none.
ALTER TABLE message_keys NO FORCE ROW LEVEL SECURITY;
ALTER TABLE message_versions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE message_reactions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE awaited_messages NO FORCE ROW LEVEL SECURITY;
INSERT INTO awaited_messages (tenant_id, wamid, since)
SELECT a.tenant_id, a.wamid, now()
FROM (SELECT tenant_id, wamid FROM message_versions UNION SELECT tenant_id, wamid FROM message_reactions) AS a
WHERE NOT EXISTS (
    SELECT FROM message_keys k
    WHERE k.tenant_id = a.tenant_id AND k.source IN ('whatsapp', 'history') AND k.external_id = a.wamid
);
ALTER TABLE message_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE message_versions FORCE ROW LEVEL SECURITY;
ALTER TABLE message_reactions FORCE ROW LEVEL SECURITY;
ALTER TABLE awaited_messages FORCE ROW LEVEL SECURITY;

ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_pipeline_check;
ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_pipeline_check
    CHECK (pipeline IN ('inbound', 'outbound', 'status', 'correlation', 'deliveries', 'templates', 'account', 'echoes',
        'history', 'address_book', 'preferences', 'calls', 'standby'));
RESET ROLE;
