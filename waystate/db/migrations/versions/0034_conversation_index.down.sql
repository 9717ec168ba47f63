DROP FUNCTION find_conversations_by_words(text, int);
DROP FUNCTION conversation_index_due();
SET LOCAL ROLE waystate_owner;
DROP INDEX deliveries_failed;
DROP TABLE conversation_index_wanted, conversation_words, conversation_index;
DROP FUNCTION is_in_sight(uuid, uuid, text, uuid, uuid[]);
RESET ROLE;
