-- name: add_one!
INSERT INTO queues (tenant_id, id, name, genesys_queue, schedule_id, created_at, edited_at)
VALUES (:tenant_id, :id, :name, :genesys_queue, :schedule_id, :now, :now);

-- name: edit_one!
-- Under its lock.
UPDATE queues q SET name = :name, genesys_queue = :genesys_queue, schedule_id = :schedule_id, edited_at = :now
WHERE q.tenant_id = :tenant_id AND q.id = :id;

-- name: add_members!
INSERT INTO queue_members (tenant_id, queue_id, user_id)
SELECT :tenant_id, :queue_id, v.user_id FROM unnest(:user_ids::uuid[]) AS v (user_id) ORDER BY v.user_id
ON CONFLICT (tenant_id, queue_id, user_id) DO NOTHING;

-- name: remove_members!
DELETE FROM queue_members m
WHERE m.tenant_id = :tenant_id AND m.queue_id = :queue_id AND m.user_id = ANY(:user_ids::uuid[]);

-- name: lock_one^
-- Whoever changes a queue holds its row, its members with it.
SELECT q.id FROM queues q WHERE q.tenant_id = :tenant_id AND q.id = :id FOR NO KEY UPDATE;

-- name: lock_for_deletion^
-- Stronger: from now on no conversation can come to wait in it. Conversations are locked first, as everybody locks them.
SELECT q.id FROM queues q WHERE q.tenant_id = :tenant_id AND q.id = :id FOR UPDATE;

-- name: list_many
SELECT q.id, q.name, q.genesys_queue, q.schedule_id, q.created_at, q.edited_at,
    ARRAY(SELECT m.user_id FROM queue_members m WHERE m.tenant_id = :tenant_id AND m.queue_id = q.id ORDER BY m.user_id) AS members
FROM queues q WHERE q.tenant_id = :tenant_id AND q.id = ANY(:ids::uuid[]) ORDER BY q.name;

-- name: list_page
SELECT q.id, q.name FROM queues q
WHERE q.tenant_id = :tenant_id AND q.name > :name ORDER BY q.name LIMIT :batch;

-- name: lock_open
-- Of the queue's conversations those that are open, in the order that every writer keeps.
SELECT c.id, c.contact_id, c.phone_number_id, c.wa_id FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.queue_id = :queue_id AND c.status IN ('active', 'waiting', 'error')
ORDER BY c.phone_number_id, c.contact_id FOR NO KEY UPDATE;

-- name: count_open
-- Asked for a few queues, of what is open: by the queue's index.
SELECT q.id, (SELECT count(*) FROM conversations c WHERE c.tenant_id = :tenant_id AND c.queue_id = q.id
    AND c.status IN ('active', 'waiting', 'error')) AS open
FROM unnest(:ids::uuid[]) AS q (id);

-- name: move_many!
-- Of conversations that are locked.
UPDATE conversations c SET queue_id = :queue_id, version = c.version + 1
WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]);

-- name: remove_one!
DELETE FROM queues q WHERE q.tenant_id = :tenant_id AND q.id = :id;

-- name: remove_empty
-- Those that no conversation has been in, or is.
DELETE FROM queues q WHERE q.tenant_id = :tenant_id AND q.id = ANY(:ids::uuid[])
    AND NOT EXISTS (SELECT FROM conversations c WHERE c.tenant_id = :tenant_id AND c.queue_id = q.id)
RETURNING q.id;
