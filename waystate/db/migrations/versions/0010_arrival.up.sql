SET LOCAL ROLE waystate_owner;
-- The order in which bodies came. Null, as the other two: of rows from before, which stand before all others, in the order of their ids.
CREATE SEQUENCE ledger_arrived;
GRANT USAGE ON SEQUENCE ledger_arrived TO waystate_ingest, waystate_work;
-- Whose items a row is for, and the tenant whose secret its body was signed with. A default that is set apart writes no old row anew.
ALTER TABLE webhook_ledger ADD COLUMN arrived bigint, ADD COLUMN number text, ADD COLUMN signer text;
ALTER TABLE webhook_ledger ALTER COLUMN arrived SET DEFAULT nextval('ledger_arrived');
RESET ROLE;
