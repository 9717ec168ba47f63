SET LOCAL ROLE waystate_owner;
DROP TABLE preferences;
DROP TABLE phone_replies;
DROP TABLE account_facts;
DROP TABLE account_events;
ALTER TABLE message_keys DROP CONSTRAINT message_keys_source_check;
ALTER TABLE message_keys ADD CONSTRAINT message_keys_source_check CHECK (source IN ('whatsapp', 'genesys')) NOT VALID;
ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_pipeline_check;
-- Not of those that are there: some may be of what is gone by now.
ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_pipeline_check
    CHECK (pipeline IN ('inbound', 'outbound', 'status', 'correlation', 'deliveries', 'templates')) NOT VALID;
RESET ROLE;
