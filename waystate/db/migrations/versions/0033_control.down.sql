DROP FUNCTION tenants_with_agents();
SET LOCAL ROLE waystate_owner;
REVOKE SELECT (controller, assigned_user_id) ON conversations FROM waystate_sweeper;
DROP INDEX conversations_led;
ALTER TABLE conversations DROP CONSTRAINT conversations_agent;
ALTER TABLE conversations NO FORCE ROW LEVEL SECURITY;
UPDATE conversations SET controller = 'external', assigned_user_id = NULL, acted_at = NULL
WHERE controller = 'agent' AND control_holder LIKE 'person:%';
ALTER TABLE conversations FORCE ROW LEVEL SECURITY;
RESET ROLE;
