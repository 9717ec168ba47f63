SET LOCAL ROLE waystate_owner;
ALTER TABLE deliveries DROP CONSTRAINT deliveries_target_check;
ALTER TABLE deliveries ADD CONSTRAINT deliveries_target_check
    CHECK (target IN ('whatsapp', 'whatsapp_mark', 'genesys', 'genesys_receipt'));
RESET ROLE;
