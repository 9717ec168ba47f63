-- name: expire_overdue_of
-- An overdue conversation must not take new traffic: it is expired here at once and a new one opened; the timer only tidies.
UPDATE conversations c SET status = 'expired', closed_at = :now, close_reason = 'expired', version = version + 1
FROM (
    SELECT o.id FROM unnest(:phone_number_ids::text[], :contact_ids::uuid[]) AS v (phone_number_id, contact_id)
    JOIN conversations o ON o.tenant_id = :tenant_id AND o.phone_number_id = v.phone_number_id AND o.contact_id = v.contact_id
        AND o.status IN ('active', 'waiting', 'error') AND o.expires_at <= :now
) AS overdue
WHERE c.tenant_id = :tenant_id AND c.id = overdue.id AND c.status IN ('active', 'waiting', 'error') AND c.expires_at <= :now
RETURNING c.id, c.contact_id, c.phone_number_id;

-- name: open_many
-- The partial unique index makes two workers agree on the one open conversation; xmax = 0 marks the one that made it.
-- An overdue one is locked and not returned. The address is that of the customer's latest message: one that comes late turns
-- nothing back, and what is no message of the customer's has none. `opened_from`: where the customer window was closed and is
-- open now. A second message of the same instant moves `window_since` back by a tick: it opens nothing.
INSERT INTO conversations AS c (tenant_id, id, contact_id, phone_number_id, wa_id, user_id, expires_at, last_activity_at,
    last_customer_message_at, last_message_at, last_message_id, last_message, waiting_since, window_from, window_since, window_told)
SELECT :tenant_id, v.*, v.customer_message_at, CASE WHEN v.customer_message_at > :now THEN :now ELSE v.customer_message_at END,
    CASE WHEN v.customer_message_at > :now::timestamptz - interval '24 hours' THEN :now END,
    CASE WHEN v.customer_message_at <= :now::timestamptz - interval '24 hours' THEN 'closed' END
FROM unnest(:ids::uuid[], :contact_ids::uuid[], :phone_number_ids::text[], :wa_ids::text[],
    :user_ids::text[], :expires_at::timestamptz[], :activity_at::timestamptz[], :customer_message_at::timestamptz[],
    :message_at::timestamptz[], :message_ids::text[], :previews::text[])
    AS v (id, contact_id, phone_number_id, wa_id, user_id, expires_at, activity_at, customer_message_at, message_at, message_id,
        preview)
ON CONFLICT (tenant_id, phone_number_id, contact_id) WHERE status IN ('active', 'waiting', 'error')
    DO UPDATE SET last_activity_at = greatest(c.last_activity_at, excluded.last_activity_at),
                  expires_at = greatest(c.expires_at, excluded.expires_at),
                  last_customer_message_at = greatest(c.last_customer_message_at, excluded.last_customer_message_at),
                  last_message_at = greatest(c.last_message_at, excluded.last_message_at),
                  last_message_id = coalesce(excluded.last_message_id, c.last_message_id),
                  last_message = coalesce(excluded.last_message, c.last_message),
                  wa_id = CASE WHEN excluded.last_customer_message_at >= coalesce(c.last_customer_message_at, '-infinity')
                      THEN excluded.wa_id ELSE c.wa_id END,
                  user_id = CASE WHEN excluded.last_customer_message_at >= coalesce(c.last_customer_message_at, '-infinity')
                      THEN excluded.user_id ELSE c.user_id END,
                  waiting_since = coalesce(c.waiting_since, excluded.waiting_since),
                  window_from = greatest(c.window_from, excluded.window_from),
                  window_since = CASE
                      WHEN excluded.window_since IS NOT NULL
                          AND coalesce(c.window_from, '-infinity') <= :now::timestamptz - interval '24 hours' THEN :now
                      WHEN c.window_since = :now THEN c.window_since - interval '1 microsecond'
                      ELSE c.window_since END,
                  window_told = CASE
                      WHEN excluded.window_since IS NOT NULL
                          AND excluded.window_from > coalesce(c.window_from, '-infinity') THEN NULL
                      WHEN c.window_from IS NULL THEN excluded.window_told
                      ELSE c.window_told END,
                  version = c.version + 1
    WHERE c.expires_at > :now
RETURNING id, contact_id, phone_number_id, genesys_conversation_id, (xmax = 0) AS is_new,
    CASE WHEN window_since = :now THEN window_from END AS opened_from, controller, control_epoch,
    CASE WHEN queue_id IS NULL THEN false ELSE EXISTS (SELECT FROM queues q
        WHERE q.tenant_id = c.tenant_id AND q.id = c.queue_id AND q.genesys_queue IS NULL) END AS is_queued_here;

-- name: lock_of_contacts
-- What a transaction that changes conversations beside those of its messages is going to touch, in the order every writer keeps.
SELECT c.id, c.contact_id, c.phone_number_id, c.status, c.last_activity_at, c.last_customer_message_at FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.contact_id = ANY(:contact_ids::uuid[])
ORDER BY c.phone_number_id, c.contact_id, c.id
FOR NO KEY UPDATE;

-- name: close_merged!
-- Before the conversations of two contacts come together: one may be open on a number.
UPDATE conversations c SET status = 'closed', closed_at = :now, close_reason = 'merged', version = c.version + 1
WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]);

-- name: close_ended
-- Genesys ended them. An end that comes late must not take what was said since: whoever wrote after it goes on. A customer's time
-- has whole seconds, so what they wrote within the second of the end counts as later. Rows are locked.
UPDATE conversations c SET status = 'closed', closed_at = :now, close_reason = v.reason, version = c.version + 1
FROM unnest(:ids::uuid[], :ended_at::timestamptz[], :reasons::text[]) AS v (id, ended_at, reason)
WHERE c.tenant_id = :tenant_id AND c.id = v.id AND c.status IN ('active', 'waiting', 'error')
    AND coalesce(c.last_customer_message_at, '-infinity') <= v.ended_at - interval '1 second'
    AND coalesce(c.last_message_at, '-infinity') <= v.ended_at
RETURNING c.id, c.contact_id, c.phone_number_id, c.wa_id, c.genesys_conversation_id;

-- name: join_windows!
-- The customer window goes on in the conversation that stays, and its end is told of that one alone. Rows are locked.
WITH ended AS (
    UPDATE conversations c SET window_told = 'closed' FROM unnest(:ids::uuid[], :into_ids::uuid[]) AS v (id, into_id)
    WHERE c.tenant_id = :tenant_id AND c.id = v.id AND c.window_from IS NOT NULL
    RETURNING v.into_id, c.window_from, c.window_since
), latest AS (
    SELECT DISTINCT ON (e.into_id) e.* FROM ended e ORDER BY e.into_id, e.window_from DESC
)
UPDATE conversations c SET window_from = l.window_from, window_since = l.window_since,
    window_told = CASE WHEN l.window_from <= :now::timestamptz - interval '24 hours' THEN 'closed' END, version = c.version + 1
FROM latest l WHERE c.tenant_id = :tenant_id AND c.id = l.into_id AND l.window_from > coalesce(c.window_from, '-infinity');

-- name: move_many!
-- Their messages stay in them.
UPDATE conversations c SET contact_id = v.contact_id, version = c.version + 1
FROM unnest(:merged_ids::uuid[], :contact_ids::uuid[]) AS v (merged_id, contact_id)
WHERE c.tenant_id = :tenant_id AND c.contact_id = v.merged_id;

-- name: readdress!
-- A customer's phone or user id was replaced: also what is closed still answers to its ids.
UPDATE conversations c SET
    wa_id = CASE WHEN c.wa_id = ANY(:ended::text[]) THEN :wa_id ELSE c.wa_id END,
    user_id = CASE WHEN c.user_id = ANY(:ended::text[]) THEN :user_id ELSE c.user_id END,
    version = c.version + 1
WHERE c.tenant_id = :tenant_id AND c.contact_id = :contact_id
    AND (c.wa_id = ANY(:ended::text[]) OR c.user_id = ANY(:ended::text[]));

-- name: find_last_heard
-- Asked only where contacts may be one, or where one gives another name.
SELECT c.contact_id, max(c.last_customer_message_at) AS at FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.contact_id = ANY(:contact_ids::uuid[]) AND c.last_customer_message_at IS NOT NULL
GROUP BY c.contact_id;

-- name: leave_phones
-- Nobody is to be found, or answered, at a phone that is another's by now: also in what is closed, which still answers to its ids.
UPDATE conversations c SET wa_id = NULL, version = c.version + 1
FROM unnest(:contact_ids::uuid[], :wa_ids::text[]) AS v (contact_id, wa_id)
WHERE c.tenant_id = :tenant_id AND c.contact_id = v.contact_id AND c.wa_id = v.wa_id
RETURNING v.wa_id, c.last_customer_message_at;

-- name: lock_many
-- Events follow one another under this lock, and every writer takes the locks in this order, so none can deadlock another.
SELECT c.id, c.contact_id, c.phone_number_id, c.wa_id, c.user_id, c.genesys_conversation_id, c.communication_id, c.status,
    c.expires_at, c.last_activity_at, c.last_customer_message_at, c.version, c.window_from, c.controller, c.control_holder,
    c.control_epoch, c.assigned_user_id, c.queue_id, c.closed_at, c.close_reason, c.closed_by, c.waiting_since,
    CASE WHEN c.queue_id IS NULL THEN false ELSE EXISTS (SELECT FROM queues q
        WHERE q.tenant_id = c.tenant_id AND q.id = c.queue_id AND q.genesys_queue IS NULL) END AS is_queued_here
FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[])
ORDER BY c.phone_number_id, c.contact_id
FOR NO KEY UPDATE OF c;

-- name: note_typing
-- Of conversations that are locked. Two who ask at once are shown once.
UPDATE conversations c SET typing_at = :now
WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]) AND (c.typing_at IS NULL OR c.typing_at <= :before)
RETURNING c.id;

-- name: touch_many
-- A message in either direction is activity; only a customer's moves the customer window, as in open_many, and waits for an
-- answer, which any message to them is. Who takes the word has the conversation: it is assigned to them where they are a person
-- here, to nobody else, and does not wait for an agent any more. Rows are locked already; those whose window opened are returned.
WITH touched AS (
    UPDATE conversations c SET
        last_activity_at = greatest(c.last_activity_at, v.activity_at),
        expires_at = greatest(c.expires_at, v.expires_at),
        last_customer_message_at = greatest(c.last_customer_message_at, v.customer_message_at),
        last_message_at = greatest(c.last_message_at, v.message_at),
        last_message_id = coalesce(v.message_id, c.last_message_id),
        last_message = coalesce(v.preview, c.last_message),
        controller = coalesce(v.controller, c.controller),
        control_holder = coalesce(v.control_holder, c.control_holder),
        control_epoch = coalesce(v.control_epoch, c.control_epoch),
        assigned_user_id = CASE v.controller WHEN 'agent' THEN substr(v.control_holder, 8)::uuid ELSE
            CASE WHEN v.controller IS NULL THEN c.assigned_user_id END END,
        acted_at = coalesce(v.acted_at, CASE WHEN v.controller IS NULL THEN c.acted_at END),
        status = CASE WHEN v.controller IS NOT NULL AND c.status = 'waiting' THEN 'active' ELSE c.status END,
        waiting_since = CASE
            WHEN v.customer_message_at IS NOT NULL THEN coalesce(c.waiting_since, v.customer_message_at)
            WHEN v.message_at IS NULL THEN c.waiting_since END,
        window_from = greatest(c.window_from, CASE WHEN v.customer_message_at > :now THEN :now ELSE v.customer_message_at END),
        window_since = CASE
            WHEN v.customer_message_at > :now::timestamptz - interval '24 hours'
                AND coalesce(c.window_from, '-infinity') <= :now::timestamptz - interval '24 hours' THEN :now
            WHEN c.window_since = :now THEN c.window_since - interval '1 microsecond'
            ELSE c.window_since END,
        window_told = CASE
            WHEN v.customer_message_at > :now::timestamptz - interval '24 hours'
                AND v.customer_message_at > coalesce(c.window_from, '-infinity') THEN NULL
            WHEN c.window_from IS NULL AND v.customer_message_at IS NOT NULL THEN 'closed'
            ELSE c.window_told END,
        version = c.version + 1
    FROM unnest(:ids::uuid[], :activity_at::timestamptz[], :expires_at::timestamptz[], :customer_message_at::timestamptz[],
        :message_at::timestamptz[], :message_ids::text[], :previews::text[], :controllers::text[], :control_holders::text[],
        :control_epochs::int[], :acted_at::timestamptz[])
        AS v (id, activity_at, expires_at, customer_message_at, message_at, message_id, preview, controller, control_holder,
            control_epoch, acted_at)
    WHERE c.tenant_id = :tenant_id AND c.id = v.id
    RETURNING c.id, c.contact_id, c.phone_number_id, c.wa_id,
        CASE WHEN c.window_since = :now THEN c.window_from END AS opened_from
)
SELECT t.* FROM touched t WHERE t.opened_from IS NOT NULL;

-- name: signal_windows
-- Another sign of the customer than a message moves the customer window, as in open_many, and nothing else. Locked in the order
-- every writer keeps; those whose window opened are returned.
WITH signs AS (
    SELECT v.id, max(v.at) AS at FROM unnest(:ids::uuid[], :at::timestamptz[]) AS v (id, at) GROUP BY v.id
), held AS MATERIALIZED (
    SELECT h.id, least(s.at, :now) AS at,
        coalesce(h.window_from, '-infinity') <= :now::timestamptz - interval '24 hours' AS is_closed
    FROM signs s JOIN conversations h ON h.tenant_id = :tenant_id AND h.id = s.id
    ORDER BY h.phone_number_id, h.contact_id, h.id FOR NO KEY UPDATE OF h
), moved AS (
    UPDATE conversations c SET window_from = held.at, window_told = NULL, version = c.version + 1,
        window_since = CASE WHEN held.is_closed THEN :now ELSE c.window_since END
    FROM held WHERE c.tenant_id = :tenant_id AND c.id = held.id AND held.at > :now::timestamptz - interval '24 hours'
        AND held.at > coalesce(c.window_from, '-infinity')
    RETURNING c.id, c.contact_id, c.phone_number_id, c.wa_id, CASE WHEN held.is_closed THEN c.window_from END AS opened_from
)
SELECT m.* FROM moved m WHERE m.opened_from IS NOT NULL;

-- name: find_windows
-- A window is the contact's on the number: an earlier conversation's counts.
SELECT v.phone_number_id, v.contact_id, max(c.window_from) AS window_from
FROM unnest(:phone_number_ids::text[], :contact_ids::uuid[]) AS v (phone_number_id, contact_id)
JOIN conversations c ON c.tenant_id = :tenant_id AND c.contact_id = v.contact_id AND c.phone_number_id = v.phone_number_id
WHERE c.window_from IS NOT NULL GROUP BY v.phone_number_id, v.contact_id;

-- name: tell_windows
-- Each end is told once: that it comes within the hour, and that it came. Chosen once, as in expire_due. `is_followed`: the
-- contact has a newer window on the number in another conversation, so that this one's end is nobody's concern.
WITH due AS MATERIALIZED (
    SELECT d.id, EXISTS (
        SELECT FROM conversations o WHERE o.tenant_id = :tenant_id AND o.contact_id = d.contact_id AND o.id <> d.id
            AND o.phone_number_id = d.phone_number_id AND (o.window_from, o.id) > (d.window_from, d.id)
    ) AS is_followed FROM conversations d
    WHERE d.tenant_id = :tenant_id AND d.window_told IS DISTINCT FROM 'closed'
        AND d.window_hour <= :now::timestamptz - interval '23 hours'
        AND d.window_from <= :now::timestamptz
            - CASE WHEN d.window_told IS NULL THEN interval '23 hours' ELSE interval '24 hours' END
    ORDER BY d.window_hour LIMIT :batch FOR NO KEY UPDATE OF d SKIP LOCKED
)
UPDATE conversations c SET window_told = CASE WHEN due.is_followed OR c.window_from <= :now::timestamptz - interval '24 hours'
    THEN 'closed' ELSE 'expiring' END
FROM due WHERE c.tenant_id = :tenant_id AND c.id = due.id
RETURNING c.id, c.contact_id, c.phone_number_id, c.wa_id, c.window_from, c.window_told, due.is_followed;

-- name: find_open_by_identity
-- Without a number in the request: the contact's latest open conversation. Each key is one probe of an index a table: before
-- the first statistics the planner would read all of a tenant's open conversations for each. So open is said by `closed_at`
-- (a CHECK makes it the same), which leads it past the partial indexes to the contact's.
SELECT v.key, c.*, p.name AS contact_name
FROM unnest(:keys::int[], :kinds::text[], :external_ids::text[], :phone_number_ids::text[])
    AS v (key, kind, external_id, phone_number_id)
CROSS JOIN LATERAL (
    SELECT n.contact_id FROM contact_identities n
    WHERE n.tenant_id = :tenant_id AND n.channel = 'whatsapp' AND n.kind = v.kind AND n.external_id = v.external_id
        AND n.valid_to IS NULL
    LIMIT 1
) AS i
CROSS JOIN LATERAL (
    SELECT o.id, o.contact_id, o.phone_number_id, o.wa_id, o.user_id, o.genesys_conversation_id, o.communication_id, o.status,
        o.expires_at, o.last_activity_at, o.last_customer_message_at, o.window_from, o.version
    FROM conversations o
    WHERE o.tenant_id = :tenant_id AND o.contact_id = i.contact_id
        AND o.closed_at IS NULL AND o.expires_at > :now
        AND (v.phone_number_id IS NULL OR o.phone_number_id = v.phone_number_id)
    ORDER BY o.last_activity_at DESC, o.id DESC LIMIT 1
) AS c
JOIN contacts p ON p.tenant_id = :tenant_id AND p.id = c.contact_id;

-- name: find_by_ids
-- Either platform's id is accepted: ours, or Genesys' (the open row, else the latest, since Genesys re-uses an id after a disconnect).
SELECT DISTINCT ON (m.key) m.key, c.id, c.contact_id, c.phone_number_id, c.wa_id, c.user_id, c.genesys_conversation_id,
    c.communication_id, c.status, c.expires_at, c.last_activity_at, c.last_customer_message_at, c.window_from, c.version,
    c.close_reason, c.controller, c.control_holder, c.control_epoch, p.name AS contact_name
FROM (
    SELECT v.key, o.id FROM unnest(:own_keys::int[], :own_ids::uuid[]) AS v (key, id)
    JOIN conversations o ON o.tenant_id = :tenant_id AND o.id = v.id
    UNION ALL
    SELECT v.key, g.id FROM unnest(:genesys_keys::int[], :genesys_ids::text[]) AS v (key, id)
    JOIN conversations g ON g.tenant_id = :tenant_id AND g.genesys_conversation_id = v.id
) AS m
JOIN conversations c ON c.tenant_id = :tenant_id AND c.id = m.id
JOIN contacts p ON p.tenant_id = c.tenant_id AND p.id = c.contact_id
ORDER BY m.key, (c.status IN ('active', 'waiting', 'error')) DESC, c.id DESC;

-- name: find_latest_of_contacts
-- An agent's message that overtakes the answer to our delivery is matched by the customer it is addressed to.
SELECT DISTINCT ON (v.key) v.key, c.id, c.contact_id, c.phone_number_id, c.wa_id, c.user_id, c.genesys_conversation_id,
    c.communication_id, c.status, c.expires_at, c.last_activity_at, c.last_customer_message_at, c.window_from, c.version,
    NULL AS contact_name
FROM unnest(:keys::int[], :contact_ids::uuid[], :phone_number_ids::text[]) AS v (key, contact_id, phone_number_id)
JOIN conversations c ON c.tenant_id = :tenant_id AND c.contact_id = v.contact_id AND c.phone_number_id = v.phone_number_id
ORDER BY v.key, (c.status IN ('active', 'waiting', 'error')) DESC, c.id DESC;

-- name: find_open_numbers
-- Open is said by `closed_at`, which leads the planner to the contact's index (see find_open_by_identity).
SELECT DISTINCT ON (c.contact_id) c.contact_id, c.phone_number_id FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.contact_id = ANY(:contact_ids::uuid[]) AND c.closed_at IS NULL
ORDER BY c.contact_id, c.last_activity_at DESC, c.id DESC;

-- name: correlate_many
-- Only what changes is written, so that a repeated correlation is no event.
UPDATE conversations c SET genesys_conversation_id = v.genesys_conversation_id,
    communication_id = coalesce(v.communication_id, c.communication_id), version = c.version + 1
FROM unnest(:ids::uuid[], :genesys_conversation_ids::text[], :communication_ids::text[])
    AS v (id, genesys_conversation_id, communication_id)
WHERE c.tenant_id = :tenant_id AND c.id = v.id
    AND (c.genesys_conversation_id IS DISTINCT FROM v.genesys_conversation_id
        OR c.communication_id IS DISTINCT FROM coalesce(v.communication_id, c.communication_id))
RETURNING c.id, c.contact_id, c.phone_number_id, c.genesys_conversation_id, c.communication_id;

-- name: expire_due
-- The tidying job: 1,000 a batch, rows somebody works on are left for the next run. Chosen once, in a CTE: as a sub-select the
-- locked rows may be chosen again for each row that is updated, and the batch has no limit.
WITH due AS MATERIALIZED (
    SELECT d.id FROM conversations d
    WHERE d.tenant_id = :tenant_id AND d.status IN ('active', 'waiting', 'error')
        AND d.expires_hour <= :now AND d.expires_at <= :now
    ORDER BY d.phone_number_id, d.contact_id LIMIT :batch FOR UPDATE SKIP LOCKED
)
UPDATE conversations c SET status = 'expired', closed_at = :now, close_reason = 'expired', version = version + 1
FROM due WHERE c.tenant_id = :tenant_id AND c.id = due.id
RETURNING c.id, c.contact_id, c.phone_number_id;

-- name: count_open$
-- For the gauge on the metrics page.
SELECT count(*) FROM conversations WHERE tenant_id = :tenant_id AND status IN ('active', 'waiting', 'error');

-- name: list_latest_open
-- Whom a restart finds talking: the tidying index, read from its far end, is in the order of activity to the hour.
SELECT c.wa_id FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.status IN ('active', 'waiting', 'error') AND c.expires_at > :now AND c.wa_id IS NOT NULL
ORDER BY c.expires_hour DESC LIMIT :batch;

-- name: keep_past!
-- In the order that every writer keeps. No window and no expiry: nobody writes here any more. Chunks come in any order.
INSERT INTO conversations AS c (tenant_id, id, contact_id, phone_number_id, wa_id, user_id, status, expires_at, last_activity_at,
    last_message_at, last_message_id, last_message, closed_at, close_reason)
SELECT :tenant_id, v.id, v.contact_id, v.phone_number_id, v.wa_id, v.user_id, 'closed', v.message_at, v.message_at, v.message_at,
    v.message_id, v.preview, v.closed_at, 'history'
FROM unnest(:ids::uuid[], :contact_ids::uuid[], :phone_number_ids::text[], :wa_ids::text[], :user_ids::text[],
    :message_at::timestamptz[], :message_ids::text[], :previews::text[], :closed_at::timestamptz[])
    AS v (id, contact_id, phone_number_id, wa_id, user_id, message_at, message_id, preview, closed_at)
ORDER BY v.phone_number_id, v.contact_id
ON CONFLICT (tenant_id, id) DO UPDATE SET
    last_message_id = CASE WHEN excluded.last_message_at >= c.last_message_at THEN excluded.last_message_id ELSE c.last_message_id END,
    last_message = CASE WHEN excluded.last_message_at >= c.last_message_at THEN excluded.last_message ELSE c.last_message END,
    last_message_at = greatest(c.last_message_at, excluded.last_message_at),
    last_activity_at = greatest(c.last_activity_at, excluded.last_activity_at),
    expires_at = greatest(c.expires_at, excluded.expires_at),
    version = c.version + 1;

-- name: add_many!
-- What was led elsewhere comes in whole; the partial unique index still allows one open conversation.
INSERT INTO conversations (tenant_id, id, contact_id, phone_number_id, wa_id, user_id, genesys_conversation_id, communication_id,
    last_message_id, status, controller, control_holder, expires_at, last_activity_at, last_customer_message_at, last_message_at,
    last_message, closed_at, close_reason, version, metadata, created_at, window_from, window_since, window_told)
SELECT :tenant_id, v.id, v.contact_id, v.phone_number_id, v.wa_id, v.user_id, v.genesys_conversation_id, v.communication_id,
    v.last_message_id, v.status, v.controller, v.control_holder, v.expires_at, v.last_activity_at, v.last_customer_message_at,
    v.last_message_at, v.last_message, v.closed_at, v.close_reason, v.version, v.metadata::jsonb, v.created_at,
    v.last_customer_message_at, v.last_customer_message_at,
    CASE WHEN v.last_customer_message_at <= :now::timestamptz - interval '24 hours' THEN 'closed' END
FROM unnest(:ids::uuid[], :contact_ids::uuid[], :phone_number_ids::text[], :wa_ids::text[], :user_ids::text[],
    :genesys_conversation_ids::text[], :communication_ids::text[], :message_ids::text[], :statuses::text[], :controllers::text[],
    :control_holders::text[], :expires_at::timestamptz[], :activity_at::timestamptz[], :customer_message_at::timestamptz[], :message_at::timestamptz[], :previews::text[],
    :closed_at::timestamptz[], :close_reasons::text[], :versions::bigint[], :metadata::text[], :created_at::timestamptz[])
    AS v (id, contact_id, phone_number_id, wa_id, user_id, genesys_conversation_id, communication_id, last_message_id, status,
        controller, control_holder, expires_at, last_activity_at, last_customer_message_at, last_message_at, last_message, closed_at, close_reason,
        version, metadata, created_at);

-- name: list_of_contacts
-- Open and ended ones, oldest first.
SELECT c.id, c.contact_id FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.contact_id = ANY(:contact_ids::uuid[]) ORDER BY c.contact_id, c.id;

-- name: remove_marked
-- Their messages go with them.
DELETE FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]) AND c.metadata @> :mark::jsonb RETURNING c.id;

-- name: find_shown
-- As find_by_ids, with all that people see of one; a page of them at most.
SELECT DISTINCT ON (m.key) m.key, c.id, c.contact_id, c.phone_number_id, c.wa_id, c.user_id, c.genesys_conversation_id,
    c.communication_id, c.status, c.expires_at, c.last_activity_at, c.last_customer_message_at, c.window_from, c.version,
    c.controller, c.control_holder, c.control_epoch, c.assigned_user_id, c.queue_id, c.closed_at, c.close_reason, c.closed_by,
    c.subject, c.metadata, c.waiting_since, p.name AS contact_name, q.name AS queue_name, q.genesys_queue IS NULL AND q.id IS NOT NULL
        AS is_queued_here,
    (SELECT l.name FROM list_colleagues(ARRAY[c.assigned_user_id]) l WHERE c.assigned_user_id IS NOT NULL) AS assignee_name,
    ARRAY(SELECT t.tag FROM conversation_tags t WHERE t.tenant_id = c.tenant_id AND t.conversation_id = c.id ORDER BY t.tag) AS tags
FROM (
    SELECT v.key, o.id FROM unnest(:own_keys::int[], :own_ids::uuid[]) AS v (key, id)
    JOIN conversations o ON o.tenant_id = :tenant_id AND o.id = v.id
    UNION ALL
    SELECT v.key, g.id FROM unnest(:genesys_keys::int[], :genesys_ids::text[]) AS v (key, id)
    JOIN conversations g ON g.tenant_id = :tenant_id AND g.genesys_conversation_id = v.id
) AS m
JOIN conversations c ON c.tenant_id = :tenant_id AND c.id = m.id
JOIN contacts p ON p.tenant_id = c.tenant_id AND p.id = c.contact_id
LEFT JOIN queues q ON q.tenant_id = c.tenant_id AND q.id = c.queue_id
ORDER BY m.key, (c.status IN ('active', 'waiting', 'error')) DESC, c.id DESC;

-- name: place_many!
-- Of conversations that are locked: who has each from now on, and where it waits, from now on if nobody waited before. An
-- agent's lease begins.
UPDATE conversations c SET controller = v.controller, control_holder = v.holder, control_epoch = v.epoch,
    assigned_user_id = v.assignee_id, queue_id = v.queue_id, status = v.status,
    waiting_since = CASE WHEN v.status = 'waiting' THEN coalesce(c.waiting_since, :now) ELSE c.waiting_since END,
    acted_at = CASE WHEN v.controller = 'agent' THEN :now::timestamptz END, version = c.version + 1
FROM unnest(:ids::uuid[], :controllers::text[], :holders::text[], :epochs::bigint[], :assignee_ids::uuid[], :queue_ids::uuid[],
    :statuses::text[]) AS v (id, controller, holder, epoch, assignee_id, queue_id, status)
WHERE c.tenant_id = :tenant_id AND c.id = v.id;

-- name: note_act!
-- Of a conversation that is locked.
UPDATE conversations c SET acted_at = :now WHERE c.tenant_id = :tenant_id AND c.id = :id AND c.controller = 'agent';

-- name: lock_leases
-- Open conversations of persons who have not acted since `before`, or are nobody here any more, in the order that every writer keeps.
-- What somebody works on is left for the next run.
SELECT c.id FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.controller = 'agent' AND c.status IN ('active', 'waiting', 'error')
    AND (coalesce(c.acted_at, '-infinity') <= :before OR c.assigned_user_id NOT IN (SELECT l.id FROM list_colleagues(NULL) l))
ORDER BY c.phone_number_id, c.contact_id LIMIT :batch FOR NO KEY UPDATE OF c SKIP LOCKED;

-- name: list_tenants_with_agents
-- Across tenants, by the audited function.
SELECT w.tenant_id FROM tenants_with_agents() w;

-- name: find_queue^
-- With whether the person is a member; FOR KEY SHARE: it is not removed before the conversation is in it.
SELECT q.id, q.name, q.genesys_queue IS NULL AS is_here, EXISTS (SELECT FROM queue_members m
    WHERE m.tenant_id = q.tenant_id AND m.queue_id = q.id AND m.user_id = :user_id::uuid) AS has_member
FROM queues q WHERE q.tenant_id = :tenant_id AND q.id = :id FOR KEY SHARE OF q;

-- name: close_one!
-- Of a conversation that is locked.
UPDATE conversations c SET status = 'closed', closed_at = :now, close_reason = :reason, closed_by = :closed_by,
    version = c.version + 1
WHERE c.tenant_id = :tenant_id AND c.id = :id;

-- name: find_other_open$
-- Of the contacts' conversations all are locked.
SELECT c.id FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.contact_id = :contact_id AND c.phone_number_id = :phone_number_id
    AND c.status IN ('active', 'waiting', 'error');

-- name: reopen_one!
-- Nobody has it, and Genesys' conversation stays ended: what the customer writes next begins another one there.
UPDATE conversations c SET status = CASE WHEN c.queue_id IS NULL THEN 'active' ELSE 'waiting' END, closed_at = NULL,
    close_reason = NULL, closed_by = NULL, expires_at = :expires_at, controller = 'none', control_holder = NULL,
    control_epoch = c.control_epoch + 1, assigned_user_id = NULL, acted_at = NULL, genesys_conversation_id = NULL,
    communication_id = NULL, version = c.version + 1
WHERE c.tenant_id = :tenant_id AND c.id = :id;

-- name: edit_one!
-- Of a conversation that is locked.
UPDATE conversations c SET subject = :subject, metadata = :metadata, status = :status, version = c.version + 1
WHERE c.tenant_id = :tenant_id AND c.id = :id;

-- name: tag_one!
-- Those that it has stay.
INSERT INTO conversation_tags (tenant_id, tag, conversation_id)
SELECT :tenant_id, v.tag, :id FROM unnest(:tags::text[]) AS v (tag) ON CONFLICT (tenant_id, tag, conversation_id) DO NOTHING;

-- name: untag_one!
DELETE FROM conversation_tags t WHERE t.tenant_id = :tenant_id AND t.conversation_id = :id AND t.tag = ANY(:tags::text[]);

-- name: list_queues_of
-- The queues that a person is in.
SELECT q.queue_id FROM queue_members q WHERE q.tenant_id = :tenant_id AND q.user_id = :user_id ORDER BY q.queue_id;

-- name: list_holders
-- What decides who sees them.
SELECT c.id, c.assigned_user_id, c.queue_id, c.control_holder FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]);

-- name: count_messages^
-- As the index has them, a second or two behind.
SELECT i.inbound, i.outbound FROM conversation_index i WHERE i.tenant_id = :tenant_id AND i.conversation_id = :id;
