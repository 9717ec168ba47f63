-- What belongs to another role is dropped by whoever owns the schema's objects or is above them.
DROP FUNCTION media_due(text, timestamptz);
SET LOCAL ROLE waystate_owner;
DELETE FROM delivery_attempts WHERE target = 'genesys_file';
DELETE FROM deliveries WHERE target = 'genesys_file';
ALTER TABLE deliveries DROP CONSTRAINT deliveries_target_check;
ALTER TABLE deliveries ADD CONSTRAINT deliveries_target_check
    CHECK (target IN ('whatsapp', 'whatsapp_mark', 'genesys', 'genesys_receipt'));
DROP TABLE media_usage;
DROP TABLE media_uploads;
DROP TABLE media_files;
RESET ROLE;
