-- name: add_notes!
-- The conversations' rows are locked, or new.
INSERT INTO conversation_notes (tenant_id, conversation_id, id, author_kind, author_id, text, at)
SELECT :tenant_id, v.conversation_id, v.id, v.author_kind, v.author_id, v.text, v.at
FROM unnest(:conversation_ids::uuid[], :ids::uuid[], :author_kinds::text[], :author_ids::uuid[], :texts::text[],
    :at::timestamptz[]) AS v (conversation_id, id, author_kind, author_id, text, at);

-- name: arrange_many!
-- Of conversations that the same transaction added.
UPDATE conversations c SET queue_id = v.queue_id, assigned_user_id = v.user_id, subject = v.subject,
    waiting_since = v.waiting_since
FROM unnest(:ids::uuid[], :queue_ids::uuid[], :user_ids::uuid[], :subjects::text[], :waiting_since::timestamptz[])
    AS v (id, queue_id, user_id, subject, waiting_since)
WHERE c.tenant_id = :tenant_id AND c.id = v.id;

-- name: tag_many!
-- Of conversations that the same transaction added.
INSERT INTO conversation_tags (tenant_id, tag, conversation_id)
SELECT :tenant_id, v.tag, v.id FROM unnest(:ids::uuid[], :tags::text[]) AS v (id, tag)
ON CONFLICT (tenant_id, tag, conversation_id) DO NOTHING;

-- name: list_notes
SELECT n.id, n.conversation_id, n.author_kind, n.author_id, n.text, n.at FROM conversation_notes n
WHERE n.tenant_id = :tenant_id AND n.conversation_id = :conversation_id AND n.id < :before
ORDER BY n.id DESC LIMIT :batch;

-- name: list_participants
SELECT p.party_id AS id, p.contact_id IS NOT NULL AS is_contact, p.role, p.added_at FROM conversation_participants p
WHERE p.tenant_id = :tenant_id AND p.conversation_id = :conversation_id ORDER BY p.added_at, p.party_id;

-- name: put_participants!
-- The conversation's row is locked.
INSERT INTO conversation_participants AS p (tenant_id, conversation_id, contact_id, user_id, role, added_at)
SELECT :tenant_id, :conversation_id, v.contact_id, v.user_id, v.role, :now
FROM unnest(:contact_ids::uuid[], :user_ids::uuid[], :roles::text[]) AS v (contact_id, user_id, role)
ON CONFLICT (tenant_id, conversation_id, party_id) DO UPDATE SET role = excluded.role;

-- name: remove_participants!
DELETE FROM conversation_participants p
WHERE p.tenant_id = :tenant_id AND p.conversation_id = :conversation_id AND p.party_id = ANY(:party_ids::uuid[]);

-- name: move_participants!
-- Of contacts that turned out to be others; who took part as both does so as before. The former rows go with their contacts.
INSERT INTO conversation_participants (tenant_id, conversation_id, contact_id, role, added_at)
SELECT :tenant_id, p.conversation_id, v.contact_id, p.role, p.added_at
FROM unnest(:merged_ids::uuid[], :contact_ids::uuid[]) AS v (merged_id, contact_id)
JOIN conversation_participants p ON p.tenant_id = :tenant_id AND p.contact_id = v.merged_id
ORDER BY p.conversation_id, v.contact_id, p.added_at
ON CONFLICT (tenant_id, conversation_id, party_id) DO NOTHING;

-- name: find_assignee^
SELECT c.assigned_user_id, c.shown_read FROM conversations c WHERE c.tenant_id = :tenant_id AND c.id = :id;

-- name: name_contacts
SELECT c.id, c.name FROM contacts c WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]);

-- name: find_message^
SELECT m.id, m.sent_at FROM messages m
WHERE m.tenant_id = :tenant_id AND m.id = :id AND m.conversation_id = :conversation_id;

-- name: find_reach^
-- The newest by receipt of what stands up to there in the history: one that came late stands before what was received earlier.
-- WhatsApp delivers for seven days. Chosen apart, or the planner walks all of the tenant's messages by their ids.
WITH before AS MATERIALIZED (
    SELECT m.id FROM messages m
    WHERE m.tenant_id = :tenant_id AND m.conversation_id = :conversation_id
        AND m.sent_at <= :sent_at AND m.sent_at > :sent_at::timestamptz - interval '7 days'
        AND (m.sent_at < :sent_at OR m.id <= :id)
)
SELECT b.id FROM before b ORDER BY b.id DESC LIMIT 1;

-- name: find_last_inbound^
-- What the customer wrote last up to there, as WhatsApp calls it.
SELECT m.id, m.wamid FROM messages m
WHERE m.tenant_id = :tenant_id AND m.conversation_id = :conversation_id AND m.sent_at <= :sent_at
    AND (m.sent_at < :sent_at OR m.id <= :id) AND m.direction = 'inbound' AND m.wamid IS NOT NULL
ORDER BY m.sent_at DESC, m.id DESC LIMIT 1;

-- name: move_read^
-- Forward only, in both orders; nothing comes back where somebody is as far already.
INSERT INTO conversation_reads AS r (tenant_id, conversation_id, user_id, message_id, sent_at, at)
VALUES (:tenant_id, :conversation_id, :user_id, :message_id, :sent_at, :now)
ON CONFLICT (tenant_id, conversation_id, user_id) DO UPDATE SET message_id = greatest(r.message_id, excluded.message_id),
    sent_at = greatest(r.sent_at, excluded.sent_at), at = excluded.at
    WHERE excluded.message_id > r.message_id OR excluded.sent_at > r.sent_at
RETURNING r.message_id, r.sent_at;

-- name: note_shown!
-- The conversation's row is locked.
UPDATE conversations c SET shown_read = :message_id WHERE c.tenant_id = :tenant_id AND c.id = :id;

-- name: count_unread
-- Of the customer's messages those received behind where the person is, up to a bound. What was sent more than seven days before
-- that cannot have come since: so the history's index serves, and only the newest partitions are looked at.
SELECT v.id, (
    SELECT count(*) FROM (
        SELECT FROM messages m
        WHERE m.tenant_id = :tenant_id AND m.conversation_id = v.id AND m.direction = 'inbound'
            AND m.sent_at > coalesce(r.sent_at - interval '7 days', '-infinity')
            AND m.id > coalesce(r.message_id, '00000000-0000-0000-0000-000000000000')
        LIMIT :most
    ) AS behind
) AS unread
FROM unnest(:ids::uuid[]) AS v (id)
LEFT JOIN conversation_reads r ON r.tenant_id = :tenant_id AND r.conversation_id = v.id AND r.user_id = :user_id;
