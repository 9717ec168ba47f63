SET LOCAL ROLE waystate_owner;
DELETE FROM delivery_attempts WHERE target = 'whatsapp_mark';
DELETE FROM deliveries WHERE target = 'whatsapp_mark';
ALTER TABLE deliveries DROP CONSTRAINT deliveries_target_check;
ALTER TABLE deliveries ADD CONSTRAINT deliveries_target_check CHECK (target IN ('whatsapp', 'genesys', 'genesys_receipt'));
RESET ROLE;
