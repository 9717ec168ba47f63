-- name: add_one!
INSERT INTO schedules (tenant_id, id, name, created_at, edited_at) VALUES (:tenant_id, :id, :name, :now, :now);

-- name: put_versions!
-- All of a schedule's, whose row is locked or new: there are few, and which of them differ need not be told apart.
INSERT INTO schedule_versions (tenant_id, schedule_id, valid_from, time_zone, slots, holidays)
SELECT :tenant_id, :schedule_id, v.valid_from, v.time_zone, v.slots::jsonb, v.holidays::jsonb
FROM unnest(:valid_from::date[], :time_zones::text[], :slots::text[], :holidays::text[])
    AS v (valid_from, time_zone, slots, holidays)
ON CONFLICT (tenant_id, schedule_id, valid_from) DO UPDATE SET time_zone = excluded.time_zone, slots = excluded.slots,
    holidays = excluded.holidays;

-- name: drop_version!
DELETE FROM schedule_versions v
WHERE v.tenant_id = :tenant_id AND v.schedule_id = :schedule_id AND v.valid_from = :valid_from;

-- name: lock_one^
-- Whoever changes a schedule holds its row, its versions with it.
SELECT s.id FROM schedules s WHERE s.tenant_id = :tenant_id AND s.id = :id FOR NO KEY UPDATE;

-- name: list_many
-- With their versions: one row each, by name and then by day.
SELECT s.id, s.name, s.created_at, s.edited_at, v.valid_from, v.time_zone, v.slots, v.holidays
FROM schedules s JOIN schedule_versions v ON v.tenant_id = s.tenant_id AND v.schedule_id = s.id
WHERE s.tenant_id = :tenant_id AND s.id = ANY(:ids::uuid[])
ORDER BY s.name, v.valid_from;

-- name: list_page
SELECT s.id, s.name FROM schedules s
WHERE s.tenant_id = :tenant_id AND s.name > :name ORDER BY s.name LIMIT :batch;

-- name: edit_one!
UPDATE schedules s SET name = :name, edited_at = :now WHERE s.tenant_id = :tenant_id AND s.id = :id;

-- name: list_users_of
-- The queues that are open by it.
SELECT q.name FROM queues q WHERE q.tenant_id = :tenant_id AND q.schedule_id = :id ORDER BY q.name LIMIT 20;

-- name: remove_one
DELETE FROM schedules s WHERE s.tenant_id = :tenant_id AND s.id = :id RETURNING s.id;

-- name: remove_unused
DELETE FROM schedules s WHERE s.tenant_id = :tenant_id AND s.id = ANY(:ids::uuid[])
    AND NOT EXISTS (SELECT FROM queues q WHERE q.tenant_id = :tenant_id AND q.schedule_id = s.id)
RETURNING s.id;
