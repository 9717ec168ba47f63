SET LOCAL ROLE waystate_owner;
-- Of a number with few customers they are read at once; neither column changes with a message, so that its update stays heap-only.
CREATE INDEX conversations_number ON conversations (tenant_id, phone_number_id, contact_id);
RESET ROLE;
