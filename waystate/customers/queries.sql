-- name: list_profiles
-- What is known of these; not of those that were merged into others.
SELECT c.id, c.name, c.email, c.phone_number, c.username, c.language, c.profile_picture_url, c.tags, c.preferences, c.metadata,
    c.is_named_by_hand, c.created_at, c.edited_at, i.message_count, i.last_message_at,
    coalesce(i.last_activity_at, c.created_at) AS last_activity_at,
    ARRAY(SELECT x.kind || ' ' || x.external_id FROM contact_identities x
        WHERE x.tenant_id = c.tenant_id AND x.contact_id = c.id AND x.valid_to IS NULL
        ORDER BY x.valid_from, x.kind, x.external_id) AS identities
FROM unnest(:ids::uuid[]) WITH ORDINALITY AS v (id, place)
JOIN contacts c ON c.tenant_id = :tenant_id AND c.id = v.id
LEFT JOIN contact_index i ON i.tenant_id = c.tenant_id AND i.contact_id = c.id
WHERE NOT EXISTS (SELECT FROM contact_merges m WHERE m.tenant_id = c.tenant_id AND m.merged_id = c.id)
ORDER BY v.place;

-- name: count_messages
-- Of the contacts' conversations, over the index of their histories.
SELECT v.contact_id, coalesce(sum(n.messages), 0)::bigint AS messages, max(v.last_message_at) AS last_message_at,
    max(v.last_activity_at) AS last_activity_at
FROM conversations v
CROSS JOIN LATERAL (
    SELECT count(*) AS messages FROM messages m WHERE m.tenant_id = :tenant_id AND m.conversation_id = v.id
) AS n
WHERE v.tenant_id = :tenant_id AND v.contact_id = ANY(:ids::uuid[])
GROUP BY v.contact_id;

-- name: hold_many!
-- First, as who merges locks first: else a merge waits for what is written of somebody, and who writes it for them.
SELECT FROM contacts c WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]) ORDER BY c.id FOR KEY SHARE;

-- name: index_many!
-- In one order, so that two at once cannot deadlock.
INSERT INTO contact_index AS i (tenant_id, contact_id, name, words, created_at, last_activity_at, last_message_at, message_count)
SELECT :tenant_id, v.contact_id, v.name, array_to_tsvector(string_to_array(v.words, ' ')), v.created_at, v.last_activity_at,
    v.last_message_at, v.message_count
FROM unnest(:contact_ids::uuid[], :names::text[], :words::text[], :created_at::timestamptz[], :last_activity_at::timestamptz[],
    :last_message_at::timestamptz[], :message_counts::bigint[])
    AS v (contact_id, name, words, created_at, last_activity_at, last_message_at, message_count)
ORDER BY v.contact_id
ON CONFLICT (tenant_id, contact_id) DO UPDATE SET name = excluded.name, words = excluded.words, created_at = excluded.created_at,
    last_activity_at = excluded.last_activity_at, last_message_at = excluded.last_message_at,
    message_count = excluded.message_count
WHERE (i.name, i.words, i.created_at, i.last_activity_at, i.last_message_at, i.message_count) IS DISTINCT FROM (excluded.name,
    excluded.words, excluded.created_at, excluded.last_activity_at, excluded.last_message_at, excluded.message_count);

-- name: drop_from_index!
-- One probe each: before the first statistics `= ANY` is led to the index of an order.
DELETE FROM contact_index i USING unnest(:ids::uuid[]) AS v (id) WHERE i.tenant_id = :tenant_id AND i.contact_id = v.id;

-- name: list_ids
-- From behind the one that was last.
SELECT c.id FROM contacts c WHERE c.tenant_id = :tenant_id AND c.id > :after ORDER BY c.id LIMIT :batch;

-- name: take_wanted
-- Whoever else takes some of them at once takes others.
DELETE FROM contact_index_wanted w WHERE w.tenant_id = :tenant_id AND w.contact_id IN (
    SELECT n.contact_id FROM contact_index_wanted n WHERE n.tenant_id = :tenant_id
    ORDER BY n.contact_id LIMIT :batch::int FOR UPDATE SKIP LOCKED)
RETURNING w.contact_id;

-- name: list_due
SELECT d.tenant_id FROM contact_index_due() AS d;

-- name: find_by_words
SELECT f.contact_id FROM find_contacts_by_words(:words, :most::int) AS f;

-- name: find_by_tag
SELECT t.contact_id FROM contact_tags t WHERE t.tenant_id = :tenant_id AND t.tag = :tag LIMIT :most::int;

-- name: find_open
-- A contact may be there several times. Who is overdue is among them.
SELECT v.contact_id FROM conversations v
WHERE v.tenant_id = :tenant_id AND v.status IN ('active', 'waiting', 'error') LIMIT :most::int;

-- name: find_by_number
-- A contact may be there several times.
SELECT v.contact_id FROM conversations v WHERE v.tenant_id = :tenant_id AND v.phone_number_id = :phone_number_id LIMIT :most::int;

-- name: list_by_activity
-- Of the next `most` customers in this order those that fit: they are looked at one by one until a page is full. Without `most`
-- a filter that nearly nobody fits would look at everybody. `OFFSET 0`: one probe each, or all who have any tag are read first.
SELECT i.contact_id, i.last_activity_at AS value FROM (
    SELECT x.contact_id, x.last_activity_at, x.words FROM contact_index x
    WHERE x.tenant_id = :tenant_id AND (x.last_activity_at, x.contact_id) < (:value::timestamptz, :contact_id::uuid)
        AND x.last_activity_at >= :since::timestamptz
    ORDER BY x.last_activity_at DESC, x.contact_id DESC LIMIT :most::int
) AS i
WHERE (:words::text IS NULL OR i.words @@ :words::tsquery)
    AND NOT EXISTS (SELECT FROM unnest(:tags::text[]) AS g (tag) WHERE NOT EXISTS (
        SELECT FROM contact_tags t WHERE t.tenant_id = :tenant_id AND t.tag = g.tag AND t.contact_id = i.contact_id OFFSET 0))
    AND (:is_open::boolean IS NULL OR :is_open = EXISTS (SELECT FROM conversations v WHERE v.tenant_id = :tenant_id
        AND v.contact_id = i.contact_id AND v.status IN ('active', 'waiting', 'error') AND v.expires_at > :now::timestamptz))
    AND (:phone_number_id::text IS NULL OR EXISTS (SELECT FROM conversations v WHERE v.tenant_id = :tenant_id
        AND v.contact_id = i.contact_id AND v.phone_number_id = :phone_number_id))
ORDER BY i.last_activity_at DESC, i.contact_id DESC OFFSET :skip::int LIMIT :batch;

-- name: list_by_created
SELECT i.contact_id, i.created_at AS value FROM (
    SELECT x.contact_id, x.created_at, x.words FROM contact_index x
    WHERE x.tenant_id = :tenant_id AND (x.created_at, x.contact_id) < (:value::timestamptz, :contact_id::uuid)
        AND x.created_at >= :since::timestamptz
    ORDER BY x.created_at DESC, x.contact_id DESC LIMIT :most::int
) AS i
WHERE (:words::text IS NULL OR i.words @@ :words::tsquery)
    AND NOT EXISTS (SELECT FROM unnest(:tags::text[]) AS g (tag) WHERE NOT EXISTS (
        SELECT FROM contact_tags t WHERE t.tenant_id = :tenant_id AND t.tag = g.tag AND t.contact_id = i.contact_id OFFSET 0))
ORDER BY i.created_at DESC, i.contact_id DESC OFFSET :skip::int LIMIT :batch;

-- name: list_by_name
SELECT i.contact_id, i.name AS value FROM (
    SELECT x.contact_id, x.name, x.words FROM contact_index x
    WHERE x.tenant_id = :tenant_id AND (x.name COLLATE "C", x.contact_id) > (:value::text COLLATE "C", :contact_id::uuid)
    ORDER BY x.name COLLATE "C", x.contact_id LIMIT :most::int
) AS i
WHERE (:words::text IS NULL OR i.words @@ :words::tsquery)
    AND NOT EXISTS (SELECT FROM unnest(:tags::text[]) AS g (tag) WHERE NOT EXISTS (
        SELECT FROM contact_tags t WHERE t.tenant_id = :tenant_id AND t.tag = g.tag AND t.contact_id = i.contact_id OFFSET 0))
ORDER BY i.name COLLATE "C", i.contact_id OFFSET :skip::int LIMIT :batch;

-- name: list_by_messages
SELECT i.contact_id, i.message_count AS value FROM (
    SELECT x.contact_id, x.message_count, x.words FROM contact_index x
    WHERE x.tenant_id = :tenant_id AND (x.message_count, x.contact_id) < (:value::bigint, :contact_id::uuid)
    ORDER BY x.message_count DESC, x.contact_id DESC LIMIT :most::int
) AS i
WHERE (:words::text IS NULL OR i.words @@ :words::tsquery)
    AND NOT EXISTS (SELECT FROM unnest(:tags::text[]) AS g (tag) WHERE NOT EXISTS (
        SELECT FROM contact_tags t WHERE t.tenant_id = :tenant_id AND t.tag = g.tag AND t.contact_id = i.contact_id OFFSET 0))
ORDER BY i.message_count DESC, i.contact_id DESC OFFSET :skip::int LIMIT :batch;

-- name: list_among
-- Of few enough customers that they are sorted by who asks.
SELECT i.contact_id, i.name, i.created_at, i.last_activity_at, i.message_count
FROM unnest(:ids::uuid[]) AS a (contact_id)
JOIN contact_index i ON i.tenant_id = :tenant_id AND i.contact_id = a.contact_id
WHERE (:words::text IS NULL OR i.words @@ :words::tsquery)
    AND NOT EXISTS (SELECT FROM unnest(:tags::text[]) AS g (tag) WHERE NOT EXISTS (
        SELECT FROM contact_tags t WHERE t.tenant_id = :tenant_id AND t.tag = g.tag AND t.contact_id = i.contact_id OFFSET 0))
    AND i.last_activity_at >= :active_since::timestamptz AND i.last_activity_at < :active_until::timestamptz
    AND i.created_at >= :created_since::timestamptz AND i.created_at < :created_until::timestamptz
    AND (:is_open::boolean IS NULL OR :is_open = EXISTS (SELECT FROM conversations v WHERE v.tenant_id = :tenant_id
        AND v.contact_id = i.contact_id AND v.status IN ('active', 'waiting', 'error') AND v.expires_at > :now::timestamptz))
    AND (:phone_number_id::text IS NULL OR EXISTS (SELECT FROM conversations v WHERE v.tenant_id = :tenant_id
        AND v.contact_id = i.contact_id AND v.phone_number_id = :phone_number_id));

-- name: lock_profile^
SELECT c.id FROM contacts c WHERE c.tenant_id = :tenant_id AND c.id = :id
    AND NOT EXISTS (SELECT FROM contact_merges m WHERE m.tenant_id = c.tenant_id AND m.merged_id = c.id)
FOR NO KEY UPDATE OF c;

-- name: edit_profile!
-- The row is locked. Of two edits in one millisecond the second is later.
UPDATE contacts c SET name = :name::text, is_named_by_hand = :is_named_by_hand, email = :email, phone_number = :phone_number,
    username = :username, language = :language, profile_picture_url = :profile_picture_url, tags = :tags::text[],
    preferences = :preferences::text::jsonb, metadata = :metadata::text::jsonb,
    edited_at = greatest(:now::timestamptz, c.edited_at + interval '1 ms')
WHERE c.tenant_id = :tenant_id AND c.id = :id;

-- name: tag_many
-- Of those that lack one of the tags.
WITH locked AS MATERIALIZED (
    SELECT c.id FROM contacts c WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]) ORDER BY c.id FOR NO KEY UPDATE
)
UPDATE contacts c SET tags = ARRAY(SELECT DISTINCT t FROM unnest(c.tags || :tags::text[]) AS t ORDER BY t),
    edited_at = greatest(:now::timestamptz, c.edited_at + interval '1 ms')
FROM locked l WHERE c.tenant_id = :tenant_id AND c.id = l.id
    AND EXISTS (SELECT FROM unnest(:tags::text[]) AS t WHERE t <> ALL(c.tags))
RETURNING c.id, c.tags;

-- name: untag_many
WITH locked AS MATERIALIZED (
    SELECT c.id FROM contacts c WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]) ORDER BY c.id FOR NO KEY UPDATE
)
UPDATE contacts c SET tags = ARRAY(SELECT t FROM unnest(c.tags) AS t WHERE t <> ALL(:tags::text[])),
    edited_at = greatest(:now::timestamptz, c.edited_at + interval '1 ms')
FROM locked l WHERE c.tenant_id = :tenant_id AND c.id = l.id
    AND EXISTS (SELECT FROM unnest(:tags::text[]) AS t WHERE t = ANY(c.tags))
RETURNING c.id, c.tags;

-- name: list_conversations
-- A contact's, the newest first; their ids are made of the time.
SELECT v.id FROM conversations v
WHERE v.tenant_id = :tenant_id AND v.contact_id = :contact_id AND v.id < :before
    AND is_in_sight(v.assigned_user_id, v.queue_id, v.control_holder, :viewer::uuid, :queues::uuid[])
ORDER BY v.id DESC LIMIT :batch;

-- name: find_context^
-- In one statement: who a customer is, or whom they turned out to be, and their open conversation, else the one that was last, with
-- the window and what they said of marketing on its number; on one number before the others, if one is named. `coalesce` and subselects count as leaky: under row-level security no
-- index serves a condition with one, so whom they turned out to be is a join and a CASE.
SELECT c.id, c.name, c.email, c.phone_number, c.username, c.language, c.profile_picture_url, c.tags, c.preferences, c.metadata,
    c.is_named_by_hand, c.created_at, c.edited_at, i.message_count, i.last_message_at,
    coalesce(i.last_activity_at, c.created_at) AS last_activity_at,
    ARRAY(SELECT x.kind || ' ' || x.external_id FROM contact_identities x
        WHERE x.tenant_id = c.tenant_id AND x.contact_id = c.id AND x.valid_to IS NULL
        ORDER BY x.valid_from, x.kind, x.external_id) AS identities,
    l.id AS conversation_id, l.phone_number_id, l.wa_id, l.user_id, l.genesys_conversation_id, l.communication_id, l.status,
    l.expires_at, l.last_activity_at AS active_at, l.last_customer_message_at, l.version, l.close_reason, l.controller,
    l.control_holder, l.control_epoch, l.assigned_user_id, l.queue_id, l.closed_at, l.closed_by, l.subject, l.waiting_since,
    l.metadata AS conversation_metadata, q.name AS queue_name, q.genesys_queue IS NULL AND q.id IS NOT NULL AS is_queued_here,
    (SELECT n.name FROM list_colleagues(ARRAY[l.assigned_user_id]) n WHERE l.assigned_user_id IS NOT NULL) AS assignee_name,
    ARRAY(SELECT t.tag FROM conversation_tags t WHERE t.tenant_id = c.tenant_id AND t.conversation_id = l.id ORDER BY t.tag)
        AS conversation_tags,
    (SELECT max(w.window_from) FROM conversations w WHERE w.tenant_id = c.tenant_id AND w.contact_id = c.id
        AND w.phone_number_id = l.phone_number_id) AS window_from,
    p.marketing, p.at AS marketing_at, p.told_by, p.detail
FROM (VALUES (:id::uuid)) AS asked (id)
LEFT JOIN contact_merges m ON m.tenant_id = :tenant_id AND m.merged_id = asked.id
JOIN contacts c ON c.tenant_id = :tenant_id AND c.id = CASE WHEN m.contact_id IS NULL THEN asked.id ELSE m.contact_id END
LEFT JOIN contact_index i ON i.tenant_id = c.tenant_id AND i.contact_id = c.id
LEFT JOIN LATERAL (
    SELECT v.* FROM conversations v WHERE v.tenant_id = c.tenant_id AND v.contact_id = c.id
        AND is_in_sight(v.assigned_user_id, v.queue_id, v.control_holder, :viewer::uuid, :queues::uuid[])
    ORDER BY (v.phone_number_id = :number::text) DESC, (v.status IN ('active', 'waiting', 'error') AND v.expires_at > :now) DESC,
        v.last_activity_at DESC, v.id DESC LIMIT 1
) AS l ON true
LEFT JOIN queues q ON q.tenant_id = c.tenant_id AND q.id = l.queue_id
LEFT JOIN preferences p ON p.tenant_id = c.tenant_id AND p.phone_number_id = l.phone_number_id AND p.contact_id = c.id;

-- name: list_heads
-- Conversations in the order of their last messages: behind one of them nothing is newer than its last.
SELECT v.id, v.last_message_at FROM conversations v
WHERE v.tenant_id = :tenant_id AND v.contact_id = :contact_id AND v.last_message_at IS NOT NULL
    AND is_in_sight(v.assigned_user_id, v.queue_id, v.control_holder, :viewer::uuid, :queues::uuid[])
ORDER BY v.last_message_at DESC, v.id DESC OFFSET :skip LIMIT :batch;

-- name: list_messages
-- The next of these conversations together, from before a place.
SELECT m.id, m.sent_at FROM unnest(:ids::uuid[]) AS v (id)
CROSS JOIN LATERAL (
    SELECT m.id, m.sent_at FROM messages m
    WHERE m.tenant_id = :tenant_id AND m.conversation_id = v.id AND m.sent_at <= :before::timestamptz
        AND (m.sent_at, m.id) < (:before::timestamptz, :before_id::uuid)
        AND (:direction::text IS NULL OR m.direction = :direction) AND (:type::text IS NULL OR m.type = :type)
    ORDER BY m.sent_at DESC, m.id DESC LIMIT :batch
) AS m
ORDER BY m.sent_at DESC, m.id DESC LIMIT :batch;

-- name: list_newer_messages
-- From behind a place, the oldest first. Where the last message is older, nothing is newer.
SELECT m.id, m.sent_at FROM conversations v
CROSS JOIN LATERAL (
    SELECT m.id, m.sent_at FROM messages m
    WHERE m.tenant_id = :tenant_id AND m.conversation_id = v.id AND m.sent_at >= :after::timestamptz
        AND (m.sent_at, m.id) > (:after::timestamptz, :after_id::uuid)
        AND (:direction::text IS NULL OR m.direction = :direction) AND (:type::text IS NULL OR m.type = :type)
    ORDER BY m.sent_at, m.id LIMIT :batch
) AS m
WHERE v.tenant_id = :tenant_id AND v.contact_id = :contact_id AND v.last_message_at >= :after::timestamptz
    AND is_in_sight(v.assigned_user_id, v.queue_id, v.control_holder, :viewer::uuid, :queues::uuid[])
ORDER BY m.sent_at, m.id LIMIT :batch;

-- name: list_log
-- What happened to the contact's conversations, before a place; of some types, or all.
SELECT l.id, l.at, l.conversation_id, l.type, l.data FROM conversations v
CROSS JOIN LATERAL (
    SELECT g.id, g.at, g.conversation_id, g.type, g.data FROM conversation_log g
    WHERE g.tenant_id = :tenant_id AND g.conversation_id = v.id AND g.at <= :before::timestamptz
        AND (g.at, g.id) < (:before::timestamptz, :before_id::uuid)
        AND (:types::text[] IS NULL OR g.type = ANY(:types::text[]))
    ORDER BY g.at DESC, g.id DESC LIMIT :batch::int
) AS l
WHERE v.tenant_id = :tenant_id AND v.contact_id = :contact_id
    AND is_in_sight(v.assigned_user_id, v.queue_id, v.control_holder, :viewer::uuid, :queues::uuid[])
ORDER BY l.at DESC, l.id DESC LIMIT :batch::int;

-- name: list_statuses
-- What was reported in a stretch of time of messages that were sent in it, or some time before, or a
-- moment after it by another clock. Without `OFFSET 0` a planner that
-- has no statistics yet enters the indexes by their times alone.
SELECT e.id, e.at, m.conversation_id, e.message_id, e.status, e.source, e.error FROM conversations v
CROSS JOIN LATERAL (
    SELECT n.id, n.conversation_id FROM messages n WHERE n.tenant_id = :tenant_id AND n.conversation_id = v.id
        AND n.sent_at >= :sent_since::timestamptz AND n.sent_at <= :sent_until::timestamptz
    OFFSET 0
) AS m
CROSS JOIN LATERAL (
    SELECT o.* FROM message_events o WHERE o.tenant_id = :tenant_id AND o.message_id = m.id OFFSET 0
) AS e
WHERE v.tenant_id = :tenant_id AND v.contact_id = :contact_id AND v.last_activity_at >= :sent_since::timestamptz
    AND is_in_sight(v.assigned_user_id, v.queue_id, v.control_holder, :viewer::uuid, :queues::uuid[])
    AND e.applied AND e.at >= :since::timestamptz AND (e.at, e.id) < (:before::timestamptz, :before_id::uuid)
ORDER BY e.at DESC, e.id DESC LIMIT :batch::int;

-- name: list_failures
-- What did not arrive, on either side.
SELECT d.id, d.at, d.conversation_id, d.message_id, d.target, d.attempts, d.error FROM conversations v
CROSS JOIN LATERAL (
    SELECT f.event_id AS id, f.finished_at AS at, f.conversation_id, f.message_id, f.target, f.attempts, f.error
    FROM deliveries f
    WHERE f.tenant_id = :tenant_id AND f.conversation_id = v.id AND f.state = 'failed' AND f.finished_at <= :before::timestamptz
        AND (f.finished_at, f.event_id) < (:before::timestamptz, :before_id::uuid)
    ORDER BY f.finished_at DESC, f.event_id DESC LIMIT :batch::int
) AS d
WHERE v.tenant_id = :tenant_id AND v.contact_id = :contact_id
    AND is_in_sight(v.assigned_user_id, v.queue_id, v.control_holder, :viewer::uuid, :queues::uuid[])
ORDER BY d.at DESC, d.id DESC LIMIT :batch::int;
