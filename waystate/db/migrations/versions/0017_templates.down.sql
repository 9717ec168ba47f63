-- What belongs to another role is dropped by whoever owns the schema's objects or is above them.
DROP FUNCTION template_syncs_due();
SET LOCAL ROLE waystate_owner;
DROP TABLE templates;
DROP TABLE template_syncs;
ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_pipeline_check;
-- Not of those that are there: some may be of what is gone by now.
ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_pipeline_check
    CHECK (pipeline IN ('inbound', 'outbound', 'status', 'correlation', 'deliveries')) NOT VALID;
RESET ROLE;
