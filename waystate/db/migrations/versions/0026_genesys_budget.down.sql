-- What belongs to another role is dropped by whoever owns the schema's objects or is above them.
DROP FUNCTION waiting_for_genesys();
SET LOCAL ROLE waystate_owner;
REVOKE SELECT (account, target) ON deliveries FROM waystate_sweeper;
ALTER TABLE genesys_integrations DROP COLUMN prefetch_conversation_id, DROP COLUMN receipts;
DROP INDEX deliveries_unfinished;
CREATE INDEX deliveries_unfinished ON deliveries (tenant_id, position, event_id)
    WHERE state IN ('pending', 'sending', 'unknown');
ALTER TABLE deliveries DROP COLUMN yields;
DELETE FROM delivery_attempts WHERE target = 'genesys_lookup';
DELETE FROM deliveries WHERE target = 'genesys_lookup';
ALTER TABLE deliveries DROP CONSTRAINT deliveries_target_check;
ALTER TABLE deliveries ADD CONSTRAINT deliveries_target_check
    CHECK (target IN ('whatsapp', 'whatsapp_mark', 'genesys', 'genesys_file', 'genesys_receipt'));
RESET ROLE;
