SET LOCAL ROLE waystate_owner;
-- Of a number with few customers they are read at once. Neither column changes with a message, so that its update stays heap-only.
-- The condition, which always holds, keeps out statements that name no number: before the first statistics they would be led here.
CREATE INDEX conversations_number ON conversations (tenant_id, phone_number_id, contact_id) WHERE phone_number_id IS NOT NULL;
RESET ROLE;
