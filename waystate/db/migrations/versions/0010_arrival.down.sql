SET LOCAL ROLE waystate_owner;
ALTER TABLE webhook_ledger DROP COLUMN arrived, DROP COLUMN number, DROP COLUMN signer;
DROP SEQUENCE ledger_arrived;
RESET ROLE;
