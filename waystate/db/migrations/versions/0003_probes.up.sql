-- An index that ends in `id` can answer "these ids of this tenant" too, by reading all of the tenant's entries. While a partition
-- is young, its statistics make that look cheaper than the primary key: a status then cost more with every message there was.
SET LOCAL ROLE waystate_owner;
DROP INDEX messages_history, conversations_contact, conversations_genesys;
CREATE INDEX messages_history ON messages (tenant_id, conversation_id, sent_at);
CREATE INDEX conversations_contact ON conversations (tenant_id, contact_id);
CREATE INDEX conversations_genesys ON conversations (tenant_id, genesys_conversation_id) WHERE genesys_conversation_id IS NOT NULL;
RESET ROLE;
