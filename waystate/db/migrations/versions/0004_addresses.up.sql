-- The answer goes to what the customer last wrote from, and that may be a business-scoped user id alone. Null is known of no message:
-- of rows from before, and of those that a release without this column goes on writing.
SET LOCAL ROLE waystate_owner;
ALTER TABLE conversations ADD COLUMN user_id text;
RESET ROLE;
