-- name: add_one!
INSERT INTO replies (tenant_id, id, queue_id, shortcut, title, text, created_at, edited_at)
VALUES (:tenant_id, :id, :queue_id, :shortcut, :title, :text, :now, :now);

-- name: edit_one!
-- Under its lock.
UPDATE replies r SET queue_id = :queue_id, shortcut = :shortcut, title = :title, text = :text, edited_at = :now
WHERE r.tenant_id = :tenant_id AND r.id = :id;

-- name: lock_one^
SELECT r.id, r.queue_id, r.shortcut, r.title, r.text, r.created_at, r.edited_at FROM replies r
WHERE r.tenant_id = :tenant_id AND r.id = :id FOR NO KEY UPDATE;

-- name: find_one^
SELECT r.id, r.queue_id, r.shortcut, r.title, r.text, r.created_at, r.edited_at FROM replies r
WHERE r.tenant_id = :tenant_id AND r.id = :id;

-- name: list_page
-- By shortcut, from behind one: bounds of a column that is collated as bytes are, since under row-level security LIKE has no
-- index. Of one queue are its own and the tenant's; of none, the tenant's alone.
SELECT r.id, r.queue_id, r.shortcut, r.title, r.text, r.created_at, r.edited_at FROM replies r
WHERE r.tenant_id = :tenant_id AND r.shortcut >= :since AND r.shortcut < :until
    AND (r.shortcut, r.id) > (:after_shortcut::text COLLATE "C", :after_id::uuid)
    AND (NOT :is_narrowed OR r.queue_id IS NULL OR r.queue_id = :queue_id::uuid)
ORDER BY r.shortcut, r.id LIMIT :batch;

-- name: remove_one!
DELETE FROM replies r WHERE r.tenant_id = :tenant_id AND r.id = :id;

-- name: find_talk^
-- What a text may say of a conversation.
SELECT c.subject, c.phone_number_id AS number, c.queue_id, c.contact_id FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.id = :id;
