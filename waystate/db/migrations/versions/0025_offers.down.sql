SET LOCAL ROLE waystate_owner;
ALTER TABLE conversations DROP COLUMN typing_at;
DROP TABLE offers;
RESET ROLE;
