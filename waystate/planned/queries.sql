-- name: insert_many!
INSERT INTO planned_messages (tenant_id, id, contact_id, phone_number_id, message_id, send_at, due_at, expires_at, request,
    actor_kind, actor_id, created_at)
SELECT :tenant_id, v.id, v.contact_id, v.phone_number_id, v.message_id, v.send_at, v.due_at, v.expires_at, v.request::jsonb,
    v.actor_kind, v.actor_id, v.created_at
FROM unnest(:ids::uuid[], :contact_ids::uuid[], :phone_number_ids::text[], :message_ids::uuid[], :send_at::timestamptz[],
    :due_at::timestamptz[], :expires_at::timestamptz[], :requests::text[], :actor_kinds::text[], :actor_ids::uuid[],
    :created_at::timestamptz[])
    AS v (id, contact_id, phone_number_id, message_id, send_at, due_at, expires_at, request, actor_kind, actor_id, created_at);

-- name: find_many
SELECT p.id, p.contact_id, p.phone_number_id, p.message_id, p.state, p.send_at, p.due_at, p.expires_at, p.request, p.actor_kind,
    p.actor_id, p.error, p.created_at, p.finished_at
FROM planned_messages p WHERE p.tenant_id = :tenant_id AND p.id = ANY(:ids::uuid[]);

-- name: withdraw^
-- Whoever releases it at the same moment holds its row: one of the two finds it waiting.
UPDATE planned_messages p SET state = 'withdrawn', finished_at = :now
WHERE p.tenant_id = :tenant_id AND p.id = :id AND p.state = 'waiting'
RETURNING p.id, p.contact_id, p.phone_number_id, p.message_id, p.state, p.send_at, p.due_at, p.expires_at, p.request, p.actor_kind,
    p.actor_id, p.error, p.created_at, p.finished_at;
