-- The walks below ask every filter in the same words; each enters the index of what it is named after. Of each status the next
-- rows are read from one stretch of the index, then these few are put in order: so is also a list of all of them. Words are asked
-- of each row by `LIMIT 1`: of an EXISTS the planner may rather read the words of everybody, once.

-- name: list_by_activity
-- Where nothing narrower is asked; nobody in particular has them.
SELECT f.conversation_id, f.value FROM unnest(:statuses::text[]) AS s (status)
CROSS JOIN LATERAL (
    SELECT i.conversation_id, i.last_activity_at AS value FROM conversation_index i
    WHERE i.tenant_id = :tenant_id AND i.status = s.status
        AND (i.last_activity_at, i.conversation_id) < (:value::timestamptz, :conversation_id::uuid)
        AND i.last_activity_at >= :since::timestamptz
        AND (:controller::text IS NULL OR i.controller = :controller)
        AND (NOT :is_unassigned::boolean OR i.assigned_user_id IS NULL)
        AND (:is_window_open::boolean IS NULL
            OR :is_window_open = (coalesce(i.window_from, '-infinity') >= :window_floor::timestamptz))
        AND (NOT :is_live::boolean OR i.status IN ('closed', 'expired') OR i.expires_at > :now::timestamptz)
        AND is_in_sight(i.assigned_user_id, i.queue_id, i.control_holder, :viewer::uuid, :queues::uuid[])
        AND NOT EXISTS (SELECT FROM unnest(:tags::text[]) AS g (tag) WHERE NOT EXISTS (
            SELECT FROM conversation_tags t WHERE t.tenant_id = :tenant_id AND t.tag = g.tag
                AND t.conversation_id = i.conversation_id))
        AND (:words::text IS NULL
            OR (SELECT true FROM conversation_words w WHERE w.tenant_id = :tenant_id
                AND w.conversation_id = i.conversation_id AND w.words @@ :words::tsquery LIMIT 1)
            OR (SELECT true FROM contact_index n WHERE n.tenant_id = :tenant_id AND n.contact_id = i.contact_id
                AND n.words @@ :words::tsquery LIMIT 1))
    ORDER BY i.last_activity_at DESC, i.conversation_id DESC LIMIT :batch::int
) AS f
ORDER BY f.value DESC, f.conversation_id DESC LIMIT :batch::int;

-- name: list_unassigned
-- Open ones that nobody has.
SELECT f.conversation_id, f.value FROM unnest(:statuses::text[]) AS s (status)
CROSS JOIN LATERAL (
    SELECT i.conversation_id, i.last_activity_at AS value FROM conversation_index i
    WHERE i.tenant_id = :tenant_id AND i.assigned_user_id IS NULL AND i.status = s.status AND i.status IN ('active', 'waiting', 'error')
        AND (i.last_activity_at, i.conversation_id) < (:value::timestamptz, :conversation_id::uuid)
        AND i.last_activity_at >= :since::timestamptz
        AND (:controller::text IS NULL OR i.controller = :controller)
        AND (:phone_number_id::text IS NULL OR i.phone_number_id = :phone_number_id)
        AND (:is_window_open::boolean IS NULL
            OR :is_window_open = (coalesce(i.window_from, '-infinity') >= :window_floor::timestamptz))
        AND (NOT :is_live::boolean OR i.status IN ('closed', 'expired') OR i.expires_at > :now::timestamptz)
        AND is_in_sight(i.assigned_user_id, i.queue_id, i.control_holder, :viewer::uuid, :queues::uuid[])
        AND NOT EXISTS (SELECT FROM unnest(:tags::text[]) AS g (tag) WHERE NOT EXISTS (
            SELECT FROM conversation_tags t WHERE t.tenant_id = :tenant_id AND t.tag = g.tag
                AND t.conversation_id = i.conversation_id))
        AND (:words::text IS NULL
            OR (SELECT true FROM conversation_words w WHERE w.tenant_id = :tenant_id
                AND w.conversation_id = i.conversation_id AND w.words @@ :words::tsquery LIMIT 1)
            OR (SELECT true FROM contact_index n WHERE n.tenant_id = :tenant_id AND n.contact_id = i.contact_id
                AND n.words @@ :words::tsquery LIMIT 1))
    ORDER BY i.last_activity_at DESC, i.conversation_id DESC LIMIT :batch::int
) AS f
ORDER BY f.value DESC, f.conversation_id DESC LIMIT :batch::int;

-- name: list_by_controller
-- Open ones, by who speaks.
SELECT f.conversation_id, f.value FROM unnest(:statuses::text[]) AS s (status)
CROSS JOIN LATERAL (
    SELECT i.conversation_id, i.last_activity_at AS value FROM conversation_index i
    WHERE i.tenant_id = :tenant_id AND i.controller = :controller AND i.status = s.status AND i.status IN ('active', 'waiting', 'error')
        AND (i.last_activity_at, i.conversation_id) < (:value::timestamptz, :conversation_id::uuid)
        AND i.last_activity_at >= :since::timestamptz
        AND (NOT :is_unassigned::boolean OR i.assigned_user_id IS NULL)
        AND (:phone_number_id::text IS NULL OR i.phone_number_id = :phone_number_id)
        AND (:is_window_open::boolean IS NULL
            OR :is_window_open = (coalesce(i.window_from, '-infinity') >= :window_floor::timestamptz))
        AND (NOT :is_live::boolean OR i.status IN ('closed', 'expired') OR i.expires_at > :now::timestamptz)
        AND is_in_sight(i.assigned_user_id, i.queue_id, i.control_holder, :viewer::uuid, :queues::uuid[])
        AND NOT EXISTS (SELECT FROM unnest(:tags::text[]) AS g (tag) WHERE NOT EXISTS (
            SELECT FROM conversation_tags t WHERE t.tenant_id = :tenant_id AND t.tag = g.tag
                AND t.conversation_id = i.conversation_id))
        AND (:words::text IS NULL
            OR (SELECT true FROM conversation_words w WHERE w.tenant_id = :tenant_id
                AND w.conversation_id = i.conversation_id AND w.words @@ :words::tsquery LIMIT 1)
            OR (SELECT true FROM contact_index n WHERE n.tenant_id = :tenant_id AND n.contact_id = i.contact_id
                AND n.words @@ :words::tsquery LIMIT 1))
    ORDER BY i.last_activity_at DESC, i.conversation_id DESC LIMIT :batch::int
) AS f
ORDER BY f.value DESC, f.conversation_id DESC LIMIT :batch::int;

-- name: list_by_number
-- Of one number of the business.
SELECT f.conversation_id, f.value FROM unnest(:statuses::text[]) AS s (status)
CROSS JOIN LATERAL (
    SELECT i.conversation_id, i.last_activity_at AS value FROM conversation_index i
    WHERE i.tenant_id = :tenant_id AND i.phone_number_id = :phone_number_id AND i.status = s.status
        AND (i.last_activity_at, i.conversation_id) < (:value::timestamptz, :conversation_id::uuid)
        AND i.last_activity_at >= :since::timestamptz
        AND (:controller::text IS NULL OR i.controller = :controller)
        AND (NOT :is_unassigned::boolean OR i.assigned_user_id IS NULL)
        AND (:is_window_open::boolean IS NULL
            OR :is_window_open = (coalesce(i.window_from, '-infinity') >= :window_floor::timestamptz))
        AND (NOT :is_live::boolean OR i.status IN ('closed', 'expired') OR i.expires_at > :now::timestamptz)
        AND is_in_sight(i.assigned_user_id, i.queue_id, i.control_holder, :viewer::uuid, :queues::uuid[])
        AND NOT EXISTS (SELECT FROM unnest(:tags::text[]) AS g (tag) WHERE NOT EXISTS (
            SELECT FROM conversation_tags t WHERE t.tenant_id = :tenant_id AND t.tag = g.tag
                AND t.conversation_id = i.conversation_id))
        AND (:words::text IS NULL
            OR (SELECT true FROM conversation_words w WHERE w.tenant_id = :tenant_id
                AND w.conversation_id = i.conversation_id AND w.words @@ :words::tsquery LIMIT 1)
            OR (SELECT true FROM contact_index n WHERE n.tenant_id = :tenant_id AND n.contact_id = i.contact_id
                AND n.words @@ :words::tsquery LIMIT 1))
    ORDER BY i.last_activity_at DESC, i.conversation_id DESC LIMIT :batch::int
) AS f
ORDER BY f.value DESC, f.conversation_id DESC LIMIT :batch::int;

-- name: list_by_queue
-- Of one queue.
SELECT f.conversation_id, f.value FROM unnest(:statuses::text[]) AS s (status)
CROSS JOIN LATERAL (
    SELECT i.conversation_id, i.last_activity_at AS value FROM conversation_index i
    WHERE i.tenant_id = :tenant_id AND i.queue_id = :queue::uuid AND i.status = s.status
        AND (i.last_activity_at, i.conversation_id) < (:value::timestamptz, :conversation_id::uuid)
        AND i.last_activity_at >= :since::timestamptz
        AND (:controller::text IS NULL OR i.controller = :controller)
        AND (NOT :is_unassigned::boolean OR i.assigned_user_id IS NULL)
        AND (:phone_number_id::text IS NULL OR i.phone_number_id = :phone_number_id)
        AND (:is_window_open::boolean IS NULL
            OR :is_window_open = (coalesce(i.window_from, '-infinity') >= :window_floor::timestamptz))
        AND (NOT :is_live::boolean OR i.status IN ('closed', 'expired') OR i.expires_at > :now::timestamptz)
        AND is_in_sight(i.assigned_user_id, i.queue_id, i.control_holder, :viewer::uuid, :queues::uuid[])
        AND NOT EXISTS (SELECT FROM unnest(:tags::text[]) AS g (tag) WHERE NOT EXISTS (
            SELECT FROM conversation_tags t WHERE t.tenant_id = :tenant_id AND t.tag = g.tag
                AND t.conversation_id = i.conversation_id))
        AND (:words::text IS NULL
            OR (SELECT true FROM conversation_words w WHERE w.tenant_id = :tenant_id
                AND w.conversation_id = i.conversation_id AND w.words @@ :words::tsquery LIMIT 1)
            OR (SELECT true FROM contact_index n WHERE n.tenant_id = :tenant_id AND n.contact_id = i.contact_id
                AND n.words @@ :words::tsquery LIMIT 1))
    ORDER BY i.last_activity_at DESC, i.conversation_id DESC LIMIT :batch::int
) AS f
ORDER BY f.value DESC, f.conversation_id DESC LIMIT :batch::int;

-- name: list_by_assignee
-- Of one person.
SELECT f.conversation_id, f.value FROM unnest(:statuses::text[]) AS s (status)
CROSS JOIN LATERAL (
    SELECT i.conversation_id, i.last_activity_at AS value FROM conversation_index i
    WHERE i.tenant_id = :tenant_id AND i.assigned_user_id = :assignee::uuid AND i.status = s.status
        AND (i.last_activity_at, i.conversation_id) < (:value::timestamptz, :conversation_id::uuid)
        AND i.last_activity_at >= :since::timestamptz
        AND (:controller::text IS NULL OR i.controller = :controller)
        AND (:queue::uuid IS NULL OR i.queue_id = :queue)
        AND (:phone_number_id::text IS NULL OR i.phone_number_id = :phone_number_id)
        AND (:is_window_open::boolean IS NULL
            OR :is_window_open = (coalesce(i.window_from, '-infinity') >= :window_floor::timestamptz))
        AND (NOT :is_live::boolean OR i.status IN ('closed', 'expired') OR i.expires_at > :now::timestamptz)
        AND is_in_sight(i.assigned_user_id, i.queue_id, i.control_holder, :viewer::uuid, :queues::uuid[])
        AND NOT EXISTS (SELECT FROM unnest(:tags::text[]) AS g (tag) WHERE NOT EXISTS (
            SELECT FROM conversation_tags t WHERE t.tenant_id = :tenant_id AND t.tag = g.tag
                AND t.conversation_id = i.conversation_id))
        AND (:words::text IS NULL
            OR (SELECT true FROM conversation_words w WHERE w.tenant_id = :tenant_id
                AND w.conversation_id = i.conversation_id AND w.words @@ :words::tsquery LIMIT 1)
            OR (SELECT true FROM contact_index n WHERE n.tenant_id = :tenant_id AND n.contact_id = i.contact_id
                AND n.words @@ :words::tsquery LIMIT 1))
    ORDER BY i.last_activity_at DESC, i.conversation_id DESC LIMIT :batch::int
) AS f
ORDER BY f.value DESC, f.conversation_id DESC LIMIT :batch::int;

-- name: list_by_created
-- Offered with the fewest filters.
SELECT f.conversation_id, f.value FROM unnest(:statuses::text[]) AS s (status)
CROSS JOIN LATERAL (
    SELECT i.conversation_id, i.created_at AS value FROM conversation_index i
    WHERE i.tenant_id = :tenant_id AND i.status = s.status
        AND (i.created_at, i.conversation_id) < (:value::timestamptz, :conversation_id::uuid)
        AND (NOT :is_live::boolean OR i.status IN ('closed', 'expired') OR i.expires_at > :now::timestamptz)
        AND is_in_sight(i.assigned_user_id, i.queue_id, i.control_holder, :viewer::uuid, :queues::uuid[])
        AND NOT EXISTS (SELECT FROM unnest(:tags::text[]) AS g (tag) WHERE NOT EXISTS (
            SELECT FROM conversation_tags t WHERE t.tenant_id = :tenant_id AND t.tag = g.tag
                AND t.conversation_id = i.conversation_id))
        AND (:words::text IS NULL
            OR (SELECT true FROM conversation_words w WHERE w.tenant_id = :tenant_id
                AND w.conversation_id = i.conversation_id AND w.words @@ :words::tsquery LIMIT 1)
            OR (SELECT true FROM contact_index n WHERE n.tenant_id = :tenant_id AND n.contact_id = i.contact_id
                AND n.words @@ :words::tsquery LIMIT 1))
    ORDER BY i.created_at DESC, i.conversation_id DESC LIMIT :batch::int
) AS f
ORDER BY f.value DESC, f.conversation_id DESC LIMIT :batch::int;

-- name: list_by_waiting
-- Who waits longest comes first. No more wait than are open, so that every filter is asked of each, of the status too: there is
-- no index to be entered by it.
SELECT i.conversation_id, i.waiting_since AS value FROM conversation_index i
WHERE i.tenant_id = :tenant_id AND i.waiting_since IS NOT NULL
    AND (i.waiting_since, i.conversation_id) > (:value::timestamptz, :conversation_id::uuid)
    AND array_position(:statuses::text[], i.status) IS NOT NULL
    AND (:controller::text IS NULL OR i.controller = :controller)
    AND (:assignee::uuid IS NULL OR i.assigned_user_id = :assignee)
    AND (NOT :is_unassigned::boolean OR i.assigned_user_id IS NULL)
    AND (:queue::uuid IS NULL OR i.queue_id = :queue)
    AND (:phone_number_id::text IS NULL OR i.phone_number_id = :phone_number_id)
    AND (:is_window_open::boolean IS NULL
        OR :is_window_open = (coalesce(i.window_from, '-infinity') >= :window_floor::timestamptz))
    AND (NOT :is_live::boolean OR i.status IN ('closed', 'expired') OR i.expires_at > :now::timestamptz)
    AND is_in_sight(i.assigned_user_id, i.queue_id, i.control_holder, :viewer::uuid, :queues::uuid[])
    AND NOT EXISTS (SELECT FROM unnest(:tags::text[]) AS g (tag) WHERE NOT EXISTS (
        SELECT FROM conversation_tags t WHERE t.tenant_id = :tenant_id AND t.tag = g.tag
            AND t.conversation_id = i.conversation_id))
    AND (:words::text IS NULL
        OR (SELECT true FROM conversation_words w WHERE w.tenant_id = :tenant_id
            AND w.conversation_id = i.conversation_id AND w.words @@ :words::tsquery LIMIT 1)
        OR (SELECT true FROM contact_index n WHERE n.tenant_id = :tenant_id AND n.contact_id = i.contact_id
            AND n.words @@ :words::tsquery LIMIT 1))
ORDER BY i.waiting_since, i.conversation_id LIMIT :batch::int;

-- name: list_among
-- Of few enough conversations that they are sorted by who asks: one probe each, whatever the planner knows of the others.
SELECT i.conversation_id, i.last_activity_at, i.created_at, i.waiting_since
FROM unnest(:ids::uuid[]) AS a (conversation_id)
CROSS JOIN LATERAL (
    SELECT j.* FROM conversation_index j WHERE j.tenant_id = :tenant_id AND j.conversation_id = a.conversation_id OFFSET 0
) AS i
WHERE array_position(:statuses::text[], i.status) IS NOT NULL AND i.last_activity_at >= :since::timestamptz
    AND (:controller::text IS NULL OR i.controller = :controller)
    AND (:assignee::uuid IS NULL OR i.assigned_user_id = :assignee)
    AND (NOT :is_unassigned::boolean OR i.assigned_user_id IS NULL)
    AND (:queue::uuid IS NULL OR i.queue_id = :queue)
    AND (:phone_number_id::text IS NULL OR i.phone_number_id = :phone_number_id)
    AND (:is_window_open::boolean IS NULL
        OR :is_window_open = (coalesce(i.window_from, '-infinity') >= :window_floor::timestamptz))
    AND (NOT :is_live::boolean OR i.status IN ('closed', 'expired') OR i.expires_at > :now::timestamptz)
    AND is_in_sight(i.assigned_user_id, i.queue_id, i.control_holder, :viewer::uuid, :queues::uuid[])
    AND NOT EXISTS (SELECT FROM unnest(:tags::text[]) AS g (tag) WHERE NOT EXISTS (
        SELECT FROM conversation_tags t WHERE t.tenant_id = :tenant_id AND t.tag = g.tag
            AND t.conversation_id = i.conversation_id))
    AND (:words::text IS NULL
        OR (SELECT true FROM conversation_words w WHERE w.tenant_id = :tenant_id
            AND w.conversation_id = i.conversation_id AND w.words @@ :words::tsquery LIMIT 1)
        OR (SELECT true FROM contact_index n WHERE n.tenant_id = :tenant_id AND n.contact_id = i.contact_id
            AND n.words @@ :words::tsquery LIMIT 1));

-- name: find_by_words
SELECT f.conversation_id FROM find_conversations_by_words(:words, :most::int) AS f;

-- name: find_by_customers
-- Whose name, phone or other id fits. More of them than asked for: nobody knows how many conversations these have.
SELECT v.id AS conversation_id FROM find_contacts_by_words(:words, :most::int) AS f
JOIN conversations v ON v.tenant_id = :tenant_id AND v.contact_id = f.contact_id
LIMIT :most::int;

-- name: find_by_tag
SELECT t.conversation_id FROM conversation_tags t WHERE t.tenant_id = :tenant_id AND t.tag = :tag LIMIT :most::int;

-- name: find_in_sight
-- What `is_in_sight` says, by one index each.
(SELECT i.conversation_id FROM conversation_index i
    WHERE i.tenant_id = :tenant_id AND i.assigned_user_id = :viewer::uuid LIMIT :most::int)
UNION ALL
(SELECT i.conversation_id FROM conversation_index i
    WHERE i.tenant_id = :tenant_id AND i.assigned_user_id IS NULL AND i.control_holder = :holder::text LIMIT :most::int)
UNION ALL
(SELECT i.conversation_id FROM unnest(:queues::uuid[]) AS q (id)
    JOIN conversation_index i ON i.tenant_id = :tenant_id AND i.queue_id = q.id AND i.assigned_user_id IS NULL
    LIMIT :most::int);

-- name: find_matching
-- Of each conversation the newest message that fits.
SELECT v.id AS conversation_id, m.message_id FROM unnest(:ids::uuid[]) AS v (id)
CROSS JOIN LATERAL (
    SELECT w.message_id FROM conversation_words w
    WHERE w.tenant_id = :tenant_id AND w.conversation_id = v.id AND w.words @@ :words::tsquery
    ORDER BY w.message_id DESC LIMIT 1
) AS m;

-- name: find_last_messages
-- Of each conversation the newest message.
SELECT v.id AS conversation_id, l.id AS message_id FROM unnest(:ids::uuid[]) AS v (id)
CROSS JOIN LATERAL (
    SELECT m.id FROM messages m WHERE m.tenant_id = :tenant_id AND m.conversation_id = v.id
    ORDER BY m.sent_at DESC, m.id DESC LIMIT 1
) AS l;

-- name: find_place$
-- When a message of a conversation was sent; none is found of another's.
SELECT m.sent_at FROM messages m WHERE m.tenant_id = :tenant_id AND m.id = :id AND m.conversation_id = :conversation_id;

-- name: list_older
-- The next before a place, the newest first.
SELECT m.id, m.sent_at FROM messages m
WHERE m.tenant_id = :tenant_id AND m.conversation_id = :conversation_id AND m.sent_at <= :sent_at::timestamptz
    AND (m.sent_at, m.id) < (:sent_at::timestamptz, :message_id::uuid)
ORDER BY m.sent_at DESC, m.id DESC LIMIT :batch::int;

-- name: list_newer
-- The next behind a place, the oldest first.
SELECT m.id, m.sent_at FROM messages m
WHERE m.tenant_id = :tenant_id AND m.conversation_id = :conversation_id AND m.sent_at >= :sent_at::timestamptz
    AND (m.sent_at, m.id) > (:sent_at::timestamptz, :message_id::uuid)
ORDER BY m.sent_at, m.id LIMIT :batch::int;

-- name: index_many!
-- What these are now, and the messages of theirs that events tell of: those behind what was counted. In one order, so that two at
-- once cannot deadlock.
WITH told AS (
    SELECT n.id, count(*) FILTER (WHERE n.is_inbound) AS inbound, count(*) FILTER (WHERE NOT n.is_inbound) AS outbound
    FROM unnest(:told_ids::uuid[], :positions::bigint[], :are_inbound::boolean[]) AS n (id, position, is_inbound)
    LEFT JOIN conversation_index o ON o.tenant_id = :tenant_id AND o.conversation_id = n.id
    WHERE n.position > coalesce(o.counted_to, 0)
    GROUP BY n.id
)
INSERT INTO conversation_index AS i (tenant_id, conversation_id, contact_id, phone_number_id, status, assigned_user_id, queue_id,
    controller, control_holder, expires_at, created_at, last_activity_at, waiting_since, window_from, inbound, outbound)
SELECT c.tenant_id, c.id, c.contact_id, c.phone_number_id, c.status, c.assigned_user_id, c.queue_id, c.controller,
    c.control_holder, c.expires_at, c.created_at, c.last_activity_at, CASE WHEN c.closed_at IS NULL THEN c.waiting_since END,
    (SELECT max(o.window_from) FROM conversations o WHERE o.tenant_id = :tenant_id AND o.contact_id = c.contact_id
        AND o.phone_number_id = c.phone_number_id), coalesce(t.inbound, 0), coalesce(t.outbound, 0)
FROM conversations c LEFT JOIN told t ON t.id = c.id
WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]) ORDER BY c.id
ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET contact_id = excluded.contact_id,
    phone_number_id = excluded.phone_number_id, status = excluded.status, assigned_user_id = excluded.assigned_user_id,
    queue_id = excluded.queue_id, controller = excluded.controller, control_holder = excluded.control_holder,
    expires_at = excluded.expires_at, created_at = excluded.created_at, last_activity_at = excluded.last_activity_at,
    waiting_since = excluded.waiting_since, window_from = excluded.window_from,
    inbound = i.inbound + excluded.inbound, outbound = i.outbound + excluded.outbound;

-- name: count_anew!
-- One statement sees one moment: the messages that are there, and the position of the last event that tells of one.
UPDATE conversation_index i SET inbound = n.inbound, outbound = n.outbound, counted_to = n.head
FROM (
    SELECT v.id, coalesce((SELECT h.position FROM sink_cursors h WHERE h.tenant_id = :tenant_id AND h.sink = 'head'), 0) AS head,
        c.inbound, c.outbound
    FROM unnest(:ids::uuid[]) AS v (id)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE m.direction = 'inbound') AS inbound,
            count(*) FILTER (WHERE m.direction = 'outbound') AS outbound
        FROM messages m WHERE m.tenant_id = :tenant_id AND m.conversation_id = v.id
    ) AS c
    ORDER BY v.id
) AS n
WHERE i.tenant_id = :tenant_id AND i.conversation_id = n.id;

-- name: list_texts
-- What these messages say now.
SELECT m.id, m.conversation_id, m.text FROM messages m
WHERE m.tenant_id = :tenant_id AND m.id = ANY(:ids::uuid[]);

-- name: list_texts_in
-- What was said in these conversations, of what says anything in words.
SELECT m.id, m.conversation_id, m.text FROM unnest(:ids::uuid[]) AS v (id)
JOIN messages m ON m.tenant_id = :tenant_id AND m.conversation_id = v.id
WHERE m.text <> '';

-- name: write_words!
-- A message that was edited says something else now.
INSERT INTO conversation_words AS w (tenant_id, conversation_id, message_id, words)
SELECT :tenant_id, v.conversation_id, v.message_id, array_to_tsvector(string_to_array(v.words, ' '))
FROM unnest(:conversation_ids::uuid[], :message_ids::uuid[], :words::text[]) AS v (conversation_id, message_id, words)
ORDER BY v.conversation_id, v.message_id
ON CONFLICT (tenant_id, conversation_id, message_id) DO UPDATE SET words = excluded.words WHERE w.words <> excluded.words;

-- name: drop_words!
-- Of messages that say nothing any more.
DELETE FROM conversation_words w USING unnest(:conversation_ids::uuid[], :message_ids::uuid[]) AS v (conversation_id, message_id)
WHERE w.tenant_id = :tenant_id AND w.conversation_id = v.conversation_id AND w.message_id = v.message_id;

-- name: drop_moved!
-- Of messages that are another conversation's by now, as when a merge was undone: nobody is to find them here, who may not see them.
DELETE FROM conversation_words w
WHERE w.tenant_id = :tenant_id AND w.conversation_id = ANY(:ids::uuid[]) AND NOT EXISTS (
    SELECT FROM messages m WHERE m.tenant_id = :tenant_id AND m.id = w.message_id AND m.conversation_id = w.conversation_id);

-- name: list_ids
-- From behind the one that was last.
SELECT c.id FROM conversations c WHERE c.tenant_id = :tenant_id AND c.id > :after ORDER BY c.id LIMIT :batch::int;

-- name: find_last_indexed$
-- How far the first fill is.
SELECT i.conversation_id FROM conversation_index i WHERE i.tenant_id = :tenant_id ORDER BY i.conversation_id DESC LIMIT 1;

-- name: list_of_customers
-- Those of customers who turned out to be others.
SELECT c.id FROM conversations c WHERE c.tenant_id = :tenant_id AND c.contact_id = ANY(:contact_ids::uuid[]);

-- name: take_wanted
-- Whoever else takes some of them at once takes others.
DELETE FROM conversation_index_wanted w WHERE w.tenant_id = :tenant_id AND w.contact_id IN (
    SELECT n.contact_id FROM conversation_index_wanted n WHERE n.tenant_id = :tenant_id
    ORDER BY n.contact_id LIMIT :batch::int FOR UPDATE SKIP LOCKED)
RETURNING w.contact_id;

-- name: list_due
SELECT d.tenant_id FROM conversation_index_due() AS d;
