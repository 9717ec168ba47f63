SET LOCAL ROLE waystate_owner;
DROP INDEX conversations_ended;
DROP TABLE absences;
DROP TABLE genesys_checks;
ALTER TABLE webhook_ledger DROP CONSTRAINT webhook_ledger_source_check;
-- Not of those that are there: some may be of what is gone by now.
ALTER TABLE webhook_ledger ADD CONSTRAINT webhook_ledger_source_check CHECK (source IN ('whatsapp', 'genesys')) NOT VALID;
ALTER TABLE genesys_integrations DROP COLUMN event_secret;
RESET ROLE;
