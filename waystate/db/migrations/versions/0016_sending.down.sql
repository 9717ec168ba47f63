SET LOCAL ROLE waystate_owner;
DROP FUNCTION due_waits(text, timestamptz);
DROP TABLE planned_messages;
ALTER TABLE messages DROP COLUMN sender_user_id;
DROP INDEX conversations_window;
ALTER TABLE conversations DROP COLUMN window_hour, DROP COLUMN window_told, DROP COLUMN window_since, DROP COLUMN window_from,
    DROP COLUMN control_holder, DROP COLUMN control_epoch;
RESET ROLE;
