DROP FUNCTION list_colleagues(uuid[]);
SET LOCAL ROLE waystate_owner;
REVOKE SELECT (id, name, status) ON users FROM waystate_sweeper;
REVOKE SELECT (tenant_id, user_id, role, invitation_hash) ON memberships FROM waystate_sweeper;
DROP TABLE conversation_log, conversation_tags;
ALTER TABLE conversations DROP CONSTRAINT conversations_queue, DROP COLUMN queue_id, DROP COLUMN subject, DROP COLUMN waiting_since,
    DROP COLUMN acted_at, DROP COLUMN closed_by;
DROP INDEX conversations_of_agent;
DROP TABLE queue_members, queues, schedule_versions, schedules;
RESET ROLE;
