SET LOCAL ROLE waystate_owner;
DROP INDEX messages_history, conversations_contact, conversations_genesys;
CREATE INDEX messages_history ON messages (tenant_id, conversation_id, sent_at, id);
CREATE INDEX conversations_contact ON conversations (tenant_id, contact_id, id);
CREATE INDEX conversations_genesys ON conversations (tenant_id, genesys_conversation_id, id)
    WHERE genesys_conversation_id IS NOT NULL;
RESET ROLE;
