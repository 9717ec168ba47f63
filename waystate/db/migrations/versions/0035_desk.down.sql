SET LOCAL ROLE waystate_owner;
ALTER TABLE conversations DROP COLUMN shown_read;
DROP TABLE conversation_reads, conversation_participants, conversation_notes, replies;
RESET ROLE;
