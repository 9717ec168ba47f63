SET LOCAL ROLE waystate_owner;
ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_pipeline_check;
-- Not of those that are there: some may be of what is gone by now.
ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_pipeline_check
    CHECK (pipeline IN ('inbound', 'outbound', 'status', 'correlation', 'deliveries', 'templates', 'account', 'echoes',
        'history', 'address_book', 'preferences', 'calls')) NOT VALID;
DROP TABLE awaited_messages, business_reactions;
RESET ROLE;
