SET LOCAL ROLE waystate_owner;
ALTER TABLE early_statuses DROP COLUMN details;
ALTER TABLE message_events DROP COLUMN details;
DROP TABLE message_reactions, message_versions;
ALTER TABLE messages DROP COLUMN revoked_at, DROP COLUMN edited_at;
RESET ROLE;
