SET LOCAL ROLE waystate_owner;
ALTER TABLE conversations DROP COLUMN user_id;
RESET ROLE;
