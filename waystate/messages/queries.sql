-- name: claim_many
-- The dedupe row comes first: the loser of a race waits here for the winner's commit, and a redelivery stops here.
-- Statuses that wait for a wamid are looked at again; those that this does not see are watched as new ones.
WITH claimed AS (
    INSERT INTO message_keys (tenant_id, source, external_id, message_id)
    SELECT :tenant_id, :source::text, v.external_id, v.message_id
    FROM unnest(:external_ids::text[], :message_ids::uuid[]) AS v (external_id, message_id)
    ORDER BY v.external_id
    ON CONFLICT (tenant_id, source, external_id) DO NOTHING
    RETURNING external_id, message_id
), awaited AS (
    UPDATE early_statuses s SET watch = '0'
    WHERE :source::text = 'whatsapp' AND s.tenant_id = :tenant_id AND s.external_id = ANY(:external_ids::text[])
)
SELECT c.external_id, c.message_id,
    :source::text = 'whatsapp' AND EXISTS (
        SELECT FROM message_versions v WHERE v.tenant_id = :tenant_id AND v.wamid = c.external_id
    ) AS is_amended
FROM claimed c;

-- name: insert_many!
-- Ids are UUIDv7, so rows land at the right edge of the index.
INSERT INTO messages (tenant_id, id, conversation_id, direction, first_status, status, wamid, genesys_message_id, type, text,
    content, media, sender, sender_user_id, origin, sent_at, delivered_at, read_at, failed_at, error, metadata)
SELECT :tenant_id, v.id, v.conversation_id, v.direction, v.status, v.status, v.wamid, v.genesys_message_id, v.type, v.text,
    coalesce(v.content::jsonb, '{}'), v.media::jsonb, v.sender, v.sender_user_id, v.origin, v.sent_at, v.delivered_at, v.read_at,
    v.failed_at, v.error::jsonb, coalesce(v.metadata::jsonb, '{}')
FROM unnest(:ids::uuid[], :conversation_ids::uuid[], :directions::text[], :statuses::text[], :wamids::text[],
    :genesys_message_ids::text[], :types::text[], :texts::text[], :contents::text[], :media::text[], :senders::text[],
    :sender_user_ids::uuid[], :origins::text[], :sent_at::timestamptz[], :delivered_at::timestamptz[], :read_at::timestamptz[],
    :failed_at::timestamptz[], :errors::text[], :metadata::text[])
    AS v (id, conversation_id, direction, status, wamid, genesys_message_id, type, text, content, media, sender,
        sender_user_id, origin, sent_at, delivered_at, read_at, failed_at, error, metadata);

-- name: note_business_reactions!
-- Of reactions that are written in this statement's transaction, by what they name. What is not known yet is awaited.
WITH said AS (
    SELECT v.wamid, v.message_id, v.at
    FROM unnest(:wamids::text[], :message_ids::uuid[], :at::timestamptz[]) AS v (wamid, message_id, at)
), noted AS (
    INSERT INTO business_reactions (tenant_id, wamid, message_id)
    SELECT :tenant_id, s.wamid, s.message_id FROM said s ORDER BY s.wamid, s.message_id
    ON CONFLICT DO NOTHING
)
INSERT INTO awaited_messages (tenant_id, wamid, since)
SELECT :tenant_id, s.wamid, min(s.at) FROM said s
WHERE NOT EXISTS (
    SELECT FROM message_keys k
    WHERE k.tenant_id = :tenant_id AND k.source IN ('whatsapp', 'history') AND k.external_id = s.wamid
)
GROUP BY s.wamid ORDER BY s.wamid
ON CONFLICT DO NOTHING;

-- name: await_many!
-- Messages that are named before they are known.
INSERT INTO awaited_messages (tenant_id, wamid, since)
SELECT :tenant_id, v.wamid, :since FROM unnest(:wamids::text[]) AS v (wamid) ORDER BY v.wamid
ON CONFLICT DO NOTHING;

-- name: drop_awaited
-- What was said of messages that never came; of those that came since, only that they were awaited is forgotten.
WITH aged AS MATERIALIZED (
    SELECT a.wamid FROM awaited_messages a
    WHERE a.tenant_id = :tenant_id AND a.since < :before ORDER BY a.since LIMIT :batch
), gone AS MATERIALIZED (
    SELECT a.wamid FROM aged a
    WHERE NOT EXISTS (
        SELECT FROM message_keys k
        WHERE k.tenant_id = :tenant_id AND k.source IN ('whatsapp', 'history') AND k.external_id = a.wamid
    )
), versions AS (
    DELETE FROM message_versions v USING gone g WHERE v.tenant_id = :tenant_id AND v.wamid = g.wamid
), reactions AS (
    DELETE FROM message_reactions r USING gone g WHERE r.tenant_id = :tenant_id AND r.wamid = g.wamid
), own AS (
    DELETE FROM business_reactions b USING gone g WHERE b.tenant_id = :tenant_id AND b.wamid = g.wamid
)
DELETE FROM awaited_messages w USING aged a WHERE w.tenant_id = :tenant_id AND w.wamid = a.wamid
RETURNING w.wamid;

-- name: find_keys
-- By the platforms' ids; the wamid first, should both ever choose the same one.
SELECT DISTINCT ON (k.external_id) k.external_id, k.message_id
FROM message_keys k
WHERE k.tenant_id = :tenant_id AND k.source = ANY(:sources::text[]) AND k.external_id = ANY(:external_ids::text[])
ORDER BY k.external_id, k.source DESC;

-- name: find_wamids
SELECT m.id, m.wamid FROM messages m
WHERE m.tenant_id = :tenant_id AND m.id = ANY(:ids::uuid[]) AND m.wamid IS NOT NULL;

-- name: find_conversations
-- Which conversations must be locked before these messages may change.
SELECT m.id, m.conversation_id FROM messages m WHERE m.tenant_id = :tenant_id AND m.id = ANY(:ids::uuid[]);

-- name: find_last_written
-- When each contact last wrote from a phone, as the platform says. Asked only where a phone may change hands, which is seldom.
SELECT v.contact_id, v.phone, max(m.sent_at) AS at
FROM unnest(:contact_ids::uuid[], :phones::text[]) AS v (contact_id, phone)
JOIN conversations c ON c.tenant_id = :tenant_id AND c.contact_id = v.contact_id
JOIN messages m ON m.tenant_id = :tenant_id AND m.conversation_id = c.id AND m.direction = 'inbound' AND m.sender = v.phone
GROUP BY v.contact_id, v.phone;

-- name: lock_many
-- Events follow one another under the conversation's lock. Row by row it is taken before the message's, and conversations in the
-- order that every writer keeps, so none can deadlock another.
SELECT m.id, m.conversation_id, m.direction, m.status, m.wamid, m.genesys_message_id, m.type, m.origin, m.delivered_at, m.read_at,
    m.failed_at, m.error, m.sent_at, m.metadata ->> 'part_of' AS part_of, m.metadata ?| '{announces,asks_for}' AS asks, c.contact_id,
    c.phone_number_id, c.wa_id
FROM messages m JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
WHERE m.tenant_id = :tenant_id AND m.id = ANY(:ids::uuid[])
ORDER BY c.phone_number_id, c.contact_id, m.id
FOR NO KEY UPDATE OF c, m;

-- name: lock_queued
-- Before deliveries are made: whoever withdraws one of these messages waits, or has done it. In the order that every writer keeps
-- inside a conversation.
SELECT m.id, m.status, m.conversation_id FROM messages m
WHERE m.tenant_id = :tenant_id AND m.id = ANY(:ids::uuid[]) ORDER BY m.id FOR SHARE;

-- name: move_queued
-- What waited to be sent goes to the conversation that is open by then. Locked by whoever holds both conversations.
UPDATE messages m SET conversation_id = v.conversation_id
FROM unnest(:ids::uuid[], :conversation_ids::uuid[]) AS v (id, conversation_id)
WHERE m.tenant_id = :tenant_id AND m.id = v.id AND m.direction = 'outbound' AND m.status = 'queued'
RETURNING m.id, m.genesys_message_id, m.type, m.text, m.content, m.media, m.origin, m.metadata;

-- name: list_queued_of
-- What was said in these conversations by whoever had the word, and is not sent. The caller holds the conversations' locks. Of
-- Genesys is what has its id, or is a part of that; what was only recorded somebody else carries.
SELECT m.id FROM unnest(:conversation_ids::uuid[], :holders::text[]) AS v (conversation_id, holder)
JOIN messages m ON m.tenant_id = :tenant_id AND m.conversation_id = v.conversation_id
WHERE m.direction = 'outbound' AND m.status = 'queued' AND m.sent_at > :since
    AND CASE v.holder WHEN 'genesys'
        THEN (m.genesys_message_id IS NOT NULL OR m.metadata ? 'part_of' OR m.metadata ? 'announces') AND m.origin <> 'http'
        ELSE m.sender = v.holder END
ORDER BY m.id;

-- name: list_queued_parts
-- Of texts that go out in parts, those that have not left: where a conversation ends between two parts, the later ones go to the next.
SELECT m.id FROM unnest(:phone_number_ids::text[], :contact_ids::uuid[], :wholes::text[]) AS v (phone_number_id, contact_id, whole)
JOIN conversations c ON c.tenant_id = :tenant_id AND c.contact_id = v.contact_id AND c.phone_number_id = v.phone_number_id
JOIN messages m ON m.tenant_id = :tenant_id AND m.conversation_id = c.id
WHERE m.direction = 'outbound' AND m.status = 'queued' AND m.metadata ->> 'part_of' = v.whole
ORDER BY m.id;

-- name: list_parts
-- Of agents' texts that went out in parts, how far each part is: all parts were said at one time, and Genesys' id of the whole is the
-- key of the last one. Not of what only looks like one, a copy that somebody here sent again. One descent a conversation.
WITH homes AS MATERIALIZED (
    SELECT v.whole, v.sent_at, k.message_id AS last_id, c.id
    FROM unnest(:phone_number_ids::text[], :contact_ids::uuid[], :wholes::text[], :sent_at::timestamptz[])
        AS v (phone_number_id, contact_id, whole, sent_at)
    JOIN message_keys k ON k.tenant_id = :tenant_id AND k.source = 'genesys' AND k.external_id = ANY(:wholes::text[])
        AND k.external_id = v.whole
    JOIN conversations c ON c.tenant_id = :tenant_id AND c.contact_id = v.contact_id AND c.phone_number_id = v.phone_number_id
)
SELECT m.id, m.status, h.whole, h.last_id FROM homes h CROSS JOIN LATERAL (
    SELECT m.id, m.status FROM messages m
    WHERE m.tenant_id = :tenant_id AND m.conversation_id = h.id AND m.sent_at = h.sent_at AND m.direction = 'outbound'
        AND m.metadata ->> 'part_of' = h.whole
    OFFSET 0
) AS m;

-- name: note_resent!
-- Of a message that failed: what it was sent again as.
UPDATE messages m SET metadata = m.metadata || jsonb_build_object('resent_as', :copy_id::text)
WHERE m.tenant_id = :tenant_id AND m.id = :id;

-- name: advance_many!
-- The merge happened under the row's lock; none of these columns is indexed, so the update can stay on its page.
UPDATE messages m SET status = v.status, delivered_at = v.delivered_at, read_at = v.read_at, failed_at = v.failed_at,
    error = v.error::jsonb
FROM unnest(:ids::uuid[], :statuses::text[], :delivered_at::timestamptz[], :read_at::timestamptz[], :failed_at::timestamptz[],
    :errors::text[]) AS v (id, status, delivered_at, read_at, failed_at, error)
WHERE m.tenant_id = :tenant_id AND m.id = v.id;

-- name: insert_events
-- Every status ever reported, applied or not; a report that comes again is the same row. Answers with what is new of payments.
WITH written AS (
    INSERT INTO message_events (tenant_id, message_id, id, status, at, source, recipient, origin, applied, why_not, error, details)
    SELECT :tenant_id, v.message_id, v.id, v.status, v.at, v.source, v.recipient, v.origin, v.why_not IS NULL, v.why_not, v.error::jsonb,
        v.details::jsonb
    FROM unnest(:message_ids::uuid[], :ids::uuid[], :statuses::text[], :at::timestamptz[], :sources::text[], :recipients::text[],
        :origins::text[], :why_nots::text[], :errors::text[], :details::text[])
        AS v (message_id, id, status, at, source, recipient, origin, why_not, error, details)
    ON CONFLICT DO NOTHING
    RETURNING id, status
)
SELECT w.id FROM written w WHERE starts_with(w.status, 'payment_');

-- name: attach_wamids!
-- The platform's id of a message we sent, as soon as it is known.
UPDATE messages m SET wamid = v.wamid
FROM unnest(:ids::uuid[], :wamids::text[]) AS v (id, wamid)
WHERE m.tenant_id = :tenant_id AND m.id = v.id AND m.wamid IS NULL;

-- name: attach_genesys_ids!
-- Of a message that was recorded before Genesys' id of it was told.
UPDATE messages m SET genesys_message_id = v.genesys_message_id
FROM unnest(:ids::uuid[], :genesys_message_ids::text[]) AS v (id, genesys_message_id)
WHERE m.tenant_id = :tenant_id AND m.id = v.id AND m.genesys_message_id IS NULL;

-- name: release_keys!
-- What was claimed in this transaction for a message that is not written after all.
DELETE FROM message_keys k
WHERE k.tenant_id = :tenant_id AND k.source = :source AND k.external_id = ANY(:external_ids::text[]);

-- name: park_early!
-- A status can overtake the answer that tells us its wamid.
INSERT INTO early_statuses (tenant_id, external_id, id, status, at, source, recipient, origin, error, details, received_at)
SELECT :tenant_id, v.external_id, v.id, v.status, v.at, v.source, v.recipient, v.origin, v.error::jsonb, v.details::jsonb,
    :received_at
FROM unnest(:external_ids::text[], :ids::uuid[], :statuses::text[], :at::timestamptz[], :sources::text[], :recipients::text[],
    :origins::text[], :errors::text[], :details::text[])
    AS v (external_id, id, status, at, source, recipient, origin, error, details)
ON CONFLICT DO NOTHING;

-- name: take_early
-- What waited for these wamids, now that their messages are known.
DELETE FROM early_statuses s USING message_keys k
WHERE s.tenant_id = :tenant_id AND k.tenant_id = s.tenant_id AND k.source = 'whatsapp' AND k.external_id = s.external_id
    AND s.external_id = ANY(:external_ids::text[])
RETURNING s.external_id, s.id, s.status, s.at, s.source, s.recipient, s.origin, s.error, s.details, k.message_id;

-- name: take_watched
-- A status and the claim of its wamid may have crossed, neither seeing the other. Whoever missed it was under way when it was first
-- looked at here, with a transaction id: once all those have ended, and it was looked at again, no look is missing any more.
-- In one statement, and so by one snapshot.
WITH watched AS MATERIALIZED (
    SELECT s.external_id, s.status, s.at, s.source, s.recipient FROM early_statuses s
    WHERE s.tenant_id = :tenant_id AND s.watch IS NOT NULL ORDER BY s.watch LIMIT :batch
), looked_up AS MATERIALIZED (
    SELECT w.*, k.message_id FROM watched w LEFT JOIN message_keys k
        ON k.tenant_id = :tenant_id AND k.source = 'whatsapp' AND k.external_id = w.external_id
), passed AS (
    UPDATE early_statuses s SET watch = CASE WHEN s.watch = '0' THEN pg_snapshot_xmax(pg_current_snapshot()) END
    FROM looked_up l
    WHERE l.message_id IS NULL AND s.tenant_id = :tenant_id
        AND (s.external_id, s.status, s.at, s.source, s.recipient) = (l.external_id, l.status, l.at, l.source, l.recipient)
        AND (s.watch = '0' OR s.watch <= pg_snapshot_xmin(pg_current_snapshot()))
)
DELETE FROM early_statuses s USING looked_up l
WHERE l.message_id IS NOT NULL AND s.tenant_id = :tenant_id
    AND (s.external_id, s.status, s.at, s.source, s.recipient) = (l.external_id, l.status, l.at, l.source, l.recipient)
RETURNING s.external_id, s.id, s.status, s.at, s.source, s.recipient, s.origin, s.error, s.details, l.message_id;

-- name: drop_aged_early
-- Statuses of messages that another app sent on the same number never find a message; they age out with the ledger.
WITH aged AS MATERIALIZED (
    SELECT a.external_id, a.status, a.at, a.source, a.recipient FROM early_statuses a
    WHERE a.tenant_id = :tenant_id AND a.received_at < :before ORDER BY a.received_at LIMIT :batch
)
DELETE FROM early_statuses s USING aged a
WHERE s.tenant_id = :tenant_id
    AND (s.external_id, s.status, s.at, s.source, s.recipient) = (a.external_id, a.status, a.at, a.source, a.recipient)
RETURNING s.id;

-- name: list_surroundings
-- Of messages about to be passed on: what stands around them, where anything does.
SELECT m.id, m.metadata FROM messages m WHERE m.tenant_id = :tenant_id AND m.id = ANY(:ids::uuid[]) AND m.metadata <> '{}';

-- name: list_kept_here
-- What customers wrote since in these conversations that did not go to Genesys when it came: now it does. What was taken back is not
-- passed on.
SELECT m.id, m.conversation_id, m.wamid, m.type, m.text, m.content, m.media, m.sent_at, c.contact_id, c.phone_number_id, c.wa_id,
    c.user_id, c.genesys_conversation_id, p.name AS contact_name
FROM unnest(:conversation_ids::uuid[], :since::timestamptz[]) AS v (conversation_id, since)
JOIN conversations c ON c.tenant_id = :tenant_id AND c.id = v.conversation_id
JOIN contacts p ON p.tenant_id = c.tenant_id AND p.id = c.contact_id
JOIN messages m ON m.tenant_id = c.tenant_id AND m.conversation_id = c.id AND m.sent_at >= v.since
WHERE m.direction = 'inbound' AND m.status = 'received' AND m.metadata ? 'kept_here' AND m.revoked_at IS NULL
ORDER BY m.id;

-- name: list_senders
-- By which integration agents' messages came.
SELECT m.id, m.sender FROM messages m
WHERE m.tenant_id = :tenant_id AND m.id = ANY(:ids::uuid[]) AND m.direction = 'outbound' AND m.sender IS NOT NULL;

-- name: list_quoted
-- What others reply to, by the wamid. What was taken back is not quoted any more.
SELECT k.external_id AS wamid, CASE WHEN m.revoked_at IS NULL THEN m.type ELSE 'revoke' END AS type, m.text, m.content, m.media,
    coalesce(m.genesys_message_id, m.metadata ->> 'part_of') AS said_in
FROM message_keys k JOIN messages m ON m.tenant_id = k.tenant_id AND m.id = k.message_id
WHERE k.tenant_id = :tenant_id AND k.source = 'whatsapp' AND k.external_id = ANY(:wamids::text[]);

-- name: list_said
-- Of messages whose customers may have answered them: what they said, and in which message of Genesys'.
SELECT m.id, m.type, m.content, coalesce(m.genesys_message_id, m.metadata ->> 'part_of') AS said_in
FROM messages m WHERE m.tenant_id = :tenant_id AND m.id = ANY(:ids::uuid[]);

-- name: list_last_inbound
-- One descent a conversation, to the newest that WhatsApp knows as the customer's own: a notice of the system is not.
SELECT v.id AS conversation_id, m.id, m.wamid FROM unnest(:conversation_ids::uuid[]) AS v (id)
CROSS JOIN LATERAL (
    SELECT m.id, m.wamid FROM messages m
    WHERE m.tenant_id = :tenant_id AND m.conversation_id = v.id AND m.direction = 'inbound' AND m.wamid IS NOT NULL
        AND m.type <> 'system'
    ORDER BY m.sent_at DESC LIMIT 1
) AS m;

-- name: get_message^
-- One message whole, with its conversation, for the trace.
SELECT m.id, m.conversation_id, m.direction, m.first_status, m.status, m.wamid, m.genesys_message_id, m.type, m.text, m.content,
    m.media, m.sender, m.origin, m.sent_at, m.delivered_at, m.read_at, m.failed_at, m.error, m.metadata, m.revoked_at,
    c.contact_id, c.phone_number_id, c.wa_id, c.genesys_conversation_id, c.communication_id, c.status AS conversation_status,
    c.expires_at, c.last_activity_at, c.last_customer_message_at, p.name AS contact_name
FROM messages m
JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
JOIN contacts p ON p.tenant_id = c.tenant_id AND p.id = c.contact_id
WHERE m.tenant_id = :tenant_id AND m.id = :id;

-- name: list_by_ids
-- As the API shows them, whose they are beside them.
SELECT m.id, m.conversation_id, m.direction, m.status, m.wamid, m.genesys_message_id, m.type, m.text, m.content, m.media, m.sender,
    m.sender_user_id, m.sent_at, m.delivered_at, m.read_at, m.failed_at, m.error, m.metadata, m.edited_at, m.revoked_at,
    c.contact_id, c.phone_number_id
FROM messages m JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
WHERE m.tenant_id = :tenant_id AND m.id = ANY(:ids::uuid[]);

-- name: list_latest
-- Of a contact, as list_by_ids. Each conversation has a message at its `last_message_at`: as many of them as messages are wanted,
-- the newest first, hold them all.
SELECT m.id, c.id AS conversation_id, m.direction, m.status, m.wamid, m.genesys_message_id, m.type, m.text, m.content, m.media,
    m.sender, m.sender_user_id, m.sent_at, m.delivered_at, m.read_at, m.failed_at, m.error, m.metadata, m.edited_at, m.revoked_at,
    c.contact_id, c.phone_number_id
FROM (
    SELECT v.id, v.contact_id, v.phone_number_id FROM conversations v
    WHERE v.tenant_id = :tenant_id AND v.contact_id = :contact_id AND v.last_message_at IS NOT NULL
        AND is_in_sight(v.assigned_user_id, v.queue_id, v.control_holder, :viewer::uuid, :queues::uuid[])
    ORDER BY v.last_message_at DESC, v.id DESC LIMIT :batch
) AS c
CROSS JOIN LATERAL (
    SELECT o.* FROM messages o WHERE o.tenant_id = :tenant_id AND o.conversation_id = c.id
    ORDER BY o.sent_at DESC, o.id DESC LIMIT :batch
) AS m
ORDER BY m.sent_at DESC, m.id DESC LIMIT :batch;

-- name: get_history
-- Every status reported for one message, in the order it was written.
SELECT e.id, e.status, e.at, e.source, e.recipient, e.origin, e.applied, e.why_not, e.error, e.details
FROM message_events e WHERE e.tenant_id = :tenant_id AND e.message_id = :message_id ORDER BY e.id;

-- name: has_others$
-- Ends at the first one found.
SELECT EXISTS (SELECT FROM messages m WHERE m.tenant_id = :tenant_id AND NOT starts_with(m.origin, :origin));

-- name: list_occupied
-- One probe a conversation.
SELECT v.id FROM unnest(:conversation_ids::uuid[]) AS v (id)
WHERE EXISTS (SELECT FROM messages m WHERE m.tenant_id = :tenant_id AND m.conversation_id = v.id);

-- name: remove_recorded!
-- Keys and history have no foreign key to a partitioned table, so they are named here. What customers said of the wamid stays: it is
-- another message's from now on.
WITH gone AS (
    DELETE FROM messages m WHERE m.tenant_id = :tenant_id AND m.id = ANY(:ids::uuid[]) AND m.origin = :origin
    RETURNING m.id, m.wamid, m.genesys_message_id, m.content ->> 'message_id' AS reacts_to
), own_reactions AS (
    DELETE FROM business_reactions b USING gone g
    WHERE b.tenant_id = :tenant_id AND b.wamid = g.reacts_to AND b.message_id = g.id
), keys AS (
    DELETE FROM message_keys k
    USING (SELECT id, 'whatsapp' AS source, wamid AS external_id FROM gone
        UNION ALL SELECT id, 'genesys', genesys_message_id FROM gone) AS g
    WHERE k.tenant_id = :tenant_id AND k.source = g.source AND k.external_id = g.external_id AND k.message_id = g.id
)
DELETE FROM message_events e USING gone g WHERE e.tenant_id = :tenant_id AND e.message_id = g.id;

-- name: remove_many$
-- Keys, history, versions and reactions have no foreign key to a partitioned table, so they are named here.
WITH gone AS (
    DELETE FROM messages m
    WHERE m.tenant_id = :tenant_id AND m.conversation_id = ANY(:conversation_ids::uuid[]) AND m.origin = :origin
    RETURNING m.id, m.wamid, m.genesys_message_id, m.content ->> 'message_id' AS reacts_to
), own_reactions AS (
    DELETE FROM business_reactions b USING gone g
    WHERE b.tenant_id = :tenant_id AND b.wamid = g.reacts_to AND b.message_id = g.id
), versions AS (
    DELETE FROM message_versions v USING gone g WHERE v.tenant_id = :tenant_id AND v.wamid = g.wamid
), reactions AS (
    DELETE FROM message_reactions r USING gone g WHERE r.tenant_id = :tenant_id AND r.wamid = g.wamid
), keys AS (
    DELETE FROM message_keys k
    USING (SELECT id, 'whatsapp' AS source, wamid AS external_id FROM gone
        UNION ALL SELECT id, 'genesys', genesys_message_id FROM gone) AS g
    WHERE k.tenant_id = :tenant_id AND k.source = g.source AND k.external_id = g.external_id AND k.message_id = g.id
), history AS (
    DELETE FROM message_events e USING gone g WHERE e.tenant_id = :tenant_id AND e.message_id = g.id
)
SELECT count(*) FROM gone;

-- name: list_sent
-- Of which of these messages a webhook has told that they went out.
SELECT DISTINCT e.message_id FROM message_events e
WHERE e.tenant_id = :tenant_id AND e.message_id = ANY(:message_ids::uuid[]) AND e.source = 'whatsapp'
    AND e.status IN ('sent', 'delivered', 'read', 'played');

-- name: note_phone_replies!
-- In one order, so that two who write at once cannot deadlock. An echo that comes late does not replace a newer one.
INSERT INTO phone_replies AS r (tenant_id, phone_number_id, contact_id, message_id, text, sent_at)
SELECT :tenant_id, v.phone_number_id, v.contact_id, v.message_id, v.text, v.sent_at
FROM unnest(:phone_number_ids::text[], :contact_ids::uuid[], :message_ids::uuid[], :texts::text[], :sent_at::timestamptz[])
    AS v (phone_number_id, contact_id, message_id, text, sent_at)
ORDER BY v.phone_number_id, v.contact_id
ON CONFLICT (tenant_id, phone_number_id, contact_id) DO UPDATE SET message_id = excluded.message_id, text = excluded.text,
    sent_at = excluded.sent_at
WHERE r.sent_at <= excluded.sent_at;

-- name: lock_phone_replies
-- One probe a customer of a table that is nearly empty.
SELECT r.phone_number_id, r.contact_id, r.message_id, r.text, r.sent_at
FROM unnest(:phone_number_ids::text[], :contact_ids::uuid[]) AS v (phone_number_id, contact_id)
JOIN phone_replies r ON r.tenant_id = :tenant_id AND r.phone_number_id = v.phone_number_id AND r.contact_id = v.contact_id
ORDER BY r.phone_number_id, r.contact_id FOR UPDATE OF r;

-- name: drop_phone_replies!
DELETE FROM phone_replies r USING unnest(:phone_number_ids::text[], :contact_ids::uuid[]) AS v (phone_number_id, contact_id)
WHERE r.tenant_id = :tenant_id AND r.phone_number_id = v.phone_number_id AND r.contact_id = v.contact_id;

-- name: complete_past
-- Of past messages of which only the place was known: what stood there.
UPDATE messages m SET type = v.type, text = v.text, content = v.content::jsonb, media = v.media::jsonb
FROM unnest(:wamids::text[], :types::text[], :texts::text[], :contents::text[], :media::text[]) AS v (wamid, type, text, content, media)
JOIN message_keys k ON k.tenant_id = :tenant_id AND k.source IN ('whatsapp', 'history') AND k.external_id = v.wamid
WHERE m.tenant_id = :tenant_id AND m.id = k.message_id AND m.type = :placeholder
RETURNING m.wamid;

-- name: insert_versions
-- A version is its own key: an edit that comes again is the same row. Answers with what was new.
INSERT INTO message_versions (tenant_id, wamid, changed_by, kind, contact_id, at, id, type, text, content, media)
SELECT :tenant_id, v.wamid, v.changed_by, v.kind, v.contact_id, v.at, v.id, v.type, v.text, v.content::jsonb, v.media::jsonb
FROM unnest(:wamids::text[], :changed_by::text[], :kinds::text[], :contact_ids::uuid[], :at::timestamptz[], :ids::uuid[],
    :types::text[], :texts::text[], :contents::text[], :media::text[])
    AS v (wamid, changed_by, kind, contact_id, at, id, type, text, content, media)
ORDER BY v.wamid, v.changed_by
ON CONFLICT DO NOTHING
RETURNING wamid;

-- name: list_versions
SELECT v.wamid, v.changed_by, v.kind, v.contact_id, v.at, v.id, v.type, v.text, v.content, v.media
FROM message_versions v WHERE v.tenant_id = :tenant_id AND v.wamid = ANY(:wamids::text[]);

-- name: amend_many!
-- Of messages that are locked. What a message said that was taken back stands in its versions alone, so no reader can show it.
UPDATE messages m SET type = v.type, text = v.text, content = v.content::jsonb, media = v.media::jsonb, edited_at = v.edited_at,
    revoked_at = v.revoked_at
FROM unnest(:ids::uuid[], :types::text[], :texts::text[], :contents::text[], :media::text[], :edited_at::timestamptz[],
    :revoked_at::timestamptz[]) AS v (id, type, text, content, media, edited_at, revoked_at)
WHERE m.tenant_id = :tenant_id AND m.id = v.id;

-- name: react_many
-- The newer word stands, by the platform's time and then by the order in which they came. Answers with what was new.
INSERT INTO message_reactions AS r (tenant_id, wamid, contact_id, emoji, at, id, changed_by)
SELECT :tenant_id, v.wamid, v.contact_id, v.emoji, v.at, v.id, v.changed_by
FROM unnest(:wamids::text[], :contact_ids::uuid[], :emojis::text[], :at::timestamptz[], :ids::uuid[], :changed_by::text[])
    AS v (wamid, contact_id, emoji, at, id, changed_by)
ORDER BY v.wamid, v.contact_id
ON CONFLICT (tenant_id, wamid, contact_id) DO UPDATE
    SET emoji = excluded.emoji, at = excluded.at, id = excluded.id, changed_by = excluded.changed_by
    WHERE (excluded.at, excluded.id) > (r.at, r.id)
RETURNING changed_by;

-- name: list_amends
-- All that holds of these messages beside them, in one statement: versions, and reactions of customers and of the business, with
-- those that were taken back. What another customer says of a message is not of it; in a group each of its people has a word. Of a
-- business's own those that WhatsApp has taken; WhatsApp gives their times in whole seconds.
WITH own AS (SELECT o.wamid, o.owner FROM unnest(:wamids::text[], :owners::uuid[]) AS o (wamid, owner))
SELECT 'version' AS said, v.wamid, v.contact_id, v.at, v.id, v.changed_by, v.kind, v.type, v.text, v.content, v.media,
    NULL AS emoji, v.kind <> 'original' AS is_later, v.at AS told_at
FROM own o JOIN message_versions v ON v.tenant_id = :tenant_id AND v.wamid = o.wamid
LEFT JOIN contact_merges g ON g.tenant_id = :tenant_id AND g.merged_id = v.contact_id
WHERE coalesce(g.contact_id, v.contact_id) = o.owner
UNION ALL
SELECT 'reaction', r.wamid, coalesce(g.contact_id, r.contact_id), r.at, r.id, r.changed_by, NULL, NULL, NULL, NULL, NULL,
    r.emoji, true, r.at
FROM own o JOIN message_reactions r ON r.tenant_id = :tenant_id AND r.wamid = o.wamid
LEFT JOIN contact_merges g ON g.tenant_id = :tenant_id AND g.merged_id = r.contact_id
WHERE coalesce(g.contact_id, r.contact_id) = o.owner OR EXISTS (SELECT FROM group_participants p WHERE p.tenant_id = :tenant_id
    AND p.group_contact_id = o.owner AND p.contact_id = coalesce(g.contact_id, r.contact_id))
UNION ALL
SELECT 'own', b.wamid, c.contact_id, m.sent_at, m.id, NULL, NULL, NULL, NULL, NULL, NULL, nullif(m.content ->> 'emoji', ''), true,
    date_trunc('second', m.sent_at)
FROM own o JOIN business_reactions b ON b.tenant_id = :tenant_id AND b.wamid = o.wamid
JOIN messages m ON m.tenant_id = :tenant_id AND m.id = b.message_id
JOIN conversations c ON c.tenant_id = :tenant_id AND c.id = m.conversation_id
WHERE m.status IN ('sent', 'delivered', 'read') AND c.contact_id = o.owner
ORDER BY is_later, told_at, id;

-- name: preview_amended!
-- Where the message is the last one of its conversation, which is locked.
UPDATE conversations c SET last_message = left(v.text, 1000)
FROM unnest(:conversation_ids::uuid[], :wamids::text[], :texts::text[]) AS v (conversation_id, wamid, text)
WHERE c.tenant_id = :tenant_id AND c.id = v.conversation_id AND c.last_message_id = v.wamid;
