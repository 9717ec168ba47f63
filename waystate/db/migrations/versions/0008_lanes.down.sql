SET LOCAL ROLE waystate_owner;
ALTER TABLE directory DROP COLUMN lanes;
RESET ROLE;
