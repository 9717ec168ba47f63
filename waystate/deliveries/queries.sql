-- name: find_on_their_way
-- Conversations of which a customer's message has not reached Genesys yet: by the index of what is unfinished, which is small.
SELECT DISTINCT d.conversation_id FROM deliveries d
WHERE d.tenant_id = :tenant_id AND d.state IN ('pending', 'sending', 'unknown') AND d.target IN ('genesys', 'genesys_file')
    AND d.conversation_id = ANY(:conversation_ids::uuid[]);

-- name: insert_many!
-- One delivery an event and target, however often the event is relayed.
INSERT INTO deliveries (tenant_id, event_id, target, message_id, conversation_id, account, lane, order_key, position,
    next_attempt_at, created_at, request, yields)
SELECT :tenant_id, v.event_id, v.target, v.message_id, v.conversation_id, v.account, v.lane, v.order_key, v.position,
    coalesce(v.due_at, v.created_at), v.created_at, v.request::jsonb, v.yields
FROM unnest(:event_ids::uuid[], :targets::text[], :message_ids::uuid[], :conversation_ids::uuid[], :accounts::text[],
    :lanes::smallint[], :order_keys::text[], :positions::bigint[], :created_at::timestamptz[], :due_at::timestamptz[],
    :requests::text[], :yields::boolean[])
    AS v (event_id, target, message_id, conversation_id, account, lane, order_key, position, created_at, due_at, request, yields)
ON CONFLICT (tenant_id, event_id, target) DO NOTHING;

-- name: list_missing
-- Events that the sink has passed and of which no delivery was made, though their number is one that Waystate sends for: there
-- should be none. Only what was judged by the configuration as it is: what an event needed before nobody can tell.
SELECT e.id, e.position, e.type, e.data::text AS data FROM events e
WHERE e.tenant_id = :tenant_id AND e.position > :after AND e.position <= :until
    AND (e.type = 'outbound.processed' AND e.data->>'phone_number_id' = ANY(:to_whatsapp::text[])
        OR e.type = 'inbound.enriched' AND e.data->>'phone_number_id' = ANY(:to_genesys::text[]))
    AND NOT EXISTS (SELECT FROM deliveries d WHERE d.tenant_id = :tenant_id AND d.event_id = e.id)
ORDER BY e.position LIMIT :batch;

-- name: claim_heads
-- The first unfinished delivery of each customer, if it is due: nothing overtakes it, unless it is `unknown` past its hold.
-- Only the oldest `window` are looked at, of what yields and of what does not: what stands before one of them is among them, so a long
-- backlog costs no more than a short one; `seen` tells whether there are more. Who is `passed` is left out; `crowd` are customers of whom more than so many fill
-- the window. Of accounts with one payer no more leave than its `room`:
-- what yields goes when it is older by `patience` than the others. A replay shares the position of the event that was newest then, and its
-- own id puts it behind that one. The attempt is committed before the call, so that whoever takes over knows that it may have been
-- made. What was addressed to a phone that has gone to another contact since, or to an id that its customer has no more, is told:
-- however it came to be here, this is the last look before it leaves. And what waited until its customer's window closed.
WITH oldest AS (
    (SELECT u.event_id, u.target, u.state, u.next_attempt_at, u.position, u.order_key, u.account, u.yields, u.created_at AS turn
    FROM deliveries u
    WHERE u.tenant_id = :tenant_id AND u.lane = ANY(:lanes::smallint[]) AND u.state IN ('pending', 'sending', 'unknown')
        AND (u.state <> 'unknown' OR u.hold_until > :now) AND NOT (u.account = ANY(:paused_accounts::text[]))
        AND u.order_key NOT IN (SELECT unnest(:passed::text[])) AND NOT u.yields
    ORDER BY u.position, u.event_id LIMIT :window)
    UNION ALL
    (SELECT u.event_id, u.target, u.state, u.next_attempt_at, u.position, u.order_key, u.account, u.yields,
        u.created_at + :patience::interval AS turn
    FROM deliveries u
    WHERE u.tenant_id = :tenant_id AND u.lane = ANY(:lanes::smallint[]) AND u.state IN ('pending', 'sending', 'unknown')
        AND (u.state <> 'unknown' OR u.hold_until > :now) AND NOT (u.account = ANY(:paused_accounts::text[]))
        AND u.order_key NOT IN (SELECT unnest(:passed::text[])) AND u.yields
    ORDER BY u.position, u.event_id LIMIT :window)
), heads AS (
    SELECT DISTINCT ON (o.order_key) o.event_id, o.target, o.state, o.next_attempt_at, o.position, o.account, o.turn
    FROM oldest o
    ORDER BY o.order_key, o.position, o.event_id
), placed AS (
    SELECT h.event_id, h.target, h.position, h.turn, a.room,
        row_number() OVER (PARTITION BY coalesce(a.payer, h.account) ORDER BY h.turn, h.position, h.event_id) AS place
    FROM heads h LEFT JOIN unnest(:accounts::text[], :payers::text[], :rooms::int[]) AS a (account, payer, room)
        ON a.account = h.account
    WHERE h.state = 'pending' AND h.next_attempt_at <= :now
), due AS (
    SELECT p.event_id, p.target FROM placed p WHERE p.room IS NULL OR p.place <= p.room
    ORDER BY p.turn, p.position, p.event_id LIMIT :batch
), claimed AS (
    UPDATE deliveries d SET state = 'sending', attempts = d.attempts + 1
    FROM due WHERE d.tenant_id = :tenant_id AND d.event_id = due.event_id AND d.target = due.target AND d.state = 'pending'
        AND d.lane = ANY(:lanes::smallint[])
    RETURNING d.event_id, d.target, d.message_id, d.conversation_id, d.account, d.lane, d.attempts, d.created_at, d.request,
        d.position, d.order_key
), begun AS (
    INSERT INTO delivery_attempts (tenant_id, event_id, target, attempt, holder, epoch, started_at)
    SELECT :tenant_id, c.event_id, c.target, c.attempts, :holder, e.epoch, :now
    FROM claimed c JOIN unnest(:lanes::smallint[], :epochs::bigint[]) AS e (lane, epoch) ON e.lane = c.lane
)
SELECT o.seen, o.crowd, c.event_id, c.target, c.message_id, c.conversation_id, c.account, c.lane, c.attempts AS attempt, c.created_at,
    c.request, c.order_key, coalesce(v.phone_number_id, '') AS phone_number_id,
    c.target = 'whatsapp' AND (EXISTS (
        SELECT FROM contact_identities i
        WHERE i.tenant_id = :tenant_id AND i.channel = 'whatsapp' AND i.kind = 'wa_id' AND i.external_id = c.request ->> 'to'
            AND i.valid_to IS NULL AND i.contact_id <> v.contact_id
    ) OR (
        SELECT coalesce(bool_and(i.valid_to IS NOT NULL), false) FROM contact_identities i
        WHERE i.tenant_id = :tenant_id AND i.contact_id = v.contact_id AND i.channel = 'whatsapp' AND i.kind IN ('wa_id', 'bsuid')
            AND i.external_id = coalesce(c.request ->> 'to', c.request ->> 'recipient')
    )) AS is_astray,
    c.target = 'whatsapp' AND c.request ->> 'type' <> 'template'
        AND coalesce(v.window_from, '-infinity') <= :now::timestamptz - interval '24 hours' AND NOT EXISTS (
            SELECT FROM conversations o WHERE o.tenant_id = :tenant_id AND o.contact_id = v.contact_id
                AND o.phone_number_id = v.phone_number_id AND o.window_from > :now::timestamptz - interval '24 hours'
        ) AS is_outside_window,
    c.target = 'genesys_lookup' AND v.genesys_conversation_id IS NOT NULL AS is_needless
FROM (
    SELECT s.seen, CASE WHEN s.seen >= :window THEN ARRAY(
        SELECT u.order_key FROM oldest u GROUP BY u.order_key HAVING count(*) > :crowd::int
    ) END AS crowd FROM (
        SELECT greatest(count(*) FILTER (WHERE n.yields), count(*) FILTER (WHERE NOT n.yields)) AS seen FROM oldest n
    ) AS s
) AS o LEFT JOIN claimed c ON true
LEFT JOIN conversations v ON v.tenant_id = :tenant_id AND v.id = c.conversation_id
ORDER BY c.position, c.event_id;

-- name: list_unfinished_accounts
-- Only after the number of lanes, or something about the tenant, was changed.
SELECT DISTINCT d.account, d.target IN ('whatsapp', 'whatsapp_mark') AS to_whatsapp FROM deliveries d
WHERE d.tenant_id = :tenant_id AND d.state IN ('pending', 'sending', 'unknown');

-- name: change_lanes$
-- What is under way too: it holds its customer's queue, which is in the new lane from here on.
WITH changed AS (
    UPDATE deliveries d SET lane = v.lane
    FROM unnest(:accounts::text[], :to_whatsapp::boolean[], :lanes::smallint[]) AS v (account, to_whatsapp, lane)
    WHERE d.tenant_id = :tenant_id AND d.state IN ('pending', 'sending', 'unknown') AND d.account = v.account
        AND (d.target IN ('whatsapp', 'whatsapp_mark')) = v.to_whatsapp AND d.lane <> v.lane
    RETURNING d.lane
)
SELECT count(*) FROM changed;

-- name: readdress_many!
-- In the transaction that claimed them.
UPDATE deliveries d SET request = v.request::jsonb
FROM unnest(:event_ids::uuid[], :targets::text[], :attempts::smallint[], :requests::text[])
    AS v (event_id, target, attempt, request)
WHERE d.tenant_id = :tenant_id AND d.event_id = v.event_id AND d.target = v.target AND d.attempts = v.attempt;

-- name: put_back_many!
-- In the transaction that claimed them: their files are not with WhatsApp yet, and no attempt was made.
WITH v AS (
    SELECT * FROM unnest(:event_ids::uuid[], :targets::text[], :attempts::smallint[]) AS u (event_id, target, attempt)
), undone AS (
    DELETE FROM delivery_attempts a USING v
    WHERE a.tenant_id = :tenant_id AND a.event_id = v.event_id AND a.target = v.target AND a.attempt = v.attempt
)
UPDATE deliveries d SET state = 'pending', attempts = d.attempts - 1, next_attempt_at = :until
FROM v WHERE d.tenant_id = :tenant_id AND d.event_id = v.event_id AND d.target = v.target AND d.attempts = v.attempt
    AND d.state = 'sending';

-- name: park_all!
-- Whatever else waits for a file that is on its way to this number: else it would be looked at before all that could leave, again
-- and again. Its id stands somewhere in the body, also below a template's header.
UPDATE deliveries d SET next_attempt_at = :until
WHERE d.tenant_id = :tenant_id AND d.account = :account AND d.target = 'whatsapp' AND d.state = 'pending'
    AND d.next_attempt_at <= :now AND position(:media_id::text IN d.request::text) > 0;

-- name: hasten_all!
-- The file is there, or never will be.
UPDATE deliveries d SET next_attempt_at = :now
WHERE d.tenant_id = :tenant_id AND d.account = :account AND d.target = 'whatsapp' AND d.state = 'pending' AND d.attempts = 0
    AND d.next_attempt_at > :now AND position(:media_id::text IN d.request::text) > 0;

-- name: finish_many!
-- Only the attempt that is under way may be settled: a take-over or a status may have done it already.
WITH v AS (
    SELECT * FROM unnest(:event_ids::uuid[], :targets::text[], :attempts::smallint[], :states::text[], :ended_at::timestamptz[],
        :next_attempt_at::timestamptz[], :hold_until::timestamptz[], :external_ids::text[], :outcomes::text[],
        :http_statuses::smallint[], :errors::text[])
        AS u (event_id, target, attempt, state, ended_at, next_attempt_at, hold_until, external_id, outcome, http_status, error)
), ended AS (
    UPDATE delivery_attempts a SET ended_at = v.ended_at, outcome = v.outcome, http_status = v.http_status, error = v.error::jsonb
    FROM v WHERE a.tenant_id = :tenant_id AND a.event_id = v.event_id AND a.target = v.target AND a.attempt = v.attempt
)
UPDATE deliveries d SET state = v.state, next_attempt_at = v.next_attempt_at, hold_until = v.hold_until,
    external_id = coalesce(v.external_id, d.external_id), error = v.error::jsonb,
    finished_at = CASE WHEN v.state IN ('sent', 'failed') THEN v.ended_at END
FROM v WHERE d.tenant_id = :tenant_id AND d.event_id = v.event_id AND d.target = v.target AND d.attempts = v.attempt
    AND d.state IN ('sending', 'unknown');

-- name: find_unsettled
-- Whose conversations must be locked before their deliveries may change: the order of locks is the same everywhere.
SELECT DISTINCT d.conversation_id FROM deliveries d
WHERE d.tenant_id = :tenant_id AND d.state IN ('sending', 'unknown') AND d.state = :state
    AND (:lanes::smallint[] IS NULL OR d.lane = ANY(:lanes::smallint[]))
    AND NOT (d.event_id = ANY(:in_hand::uuid[]))
    AND (:due_at::timestamptz IS NULL OR d.next_attempt_at <= :due_at);

-- name: find_current
-- Which attempts nobody has taken over; the caller holds the conversations' locks, as whoever takes over does.
SELECT d.event_id, d.target FROM deliveries d
JOIN unnest(:event_ids::uuid[], :targets::text[], :attempts::smallint[]) AS v (event_id, target, attempt)
    ON d.event_id = v.event_id AND d.target = v.target AND d.attempts = v.attempt
WHERE d.tenant_id = :tenant_id AND d.state IN ('sending', 'unknown', 'failed');

-- name: recover_interrupted
-- After a take-over: what was under way at WhatsApp may or may not have left and is never sent again; elsewhere it is sent again.
-- Not what this process itself has in hand: its answer is still to come.
WITH found AS (
    SELECT d.event_id, d.target, d.attempts FROM deliveries d
    WHERE d.tenant_id = :tenant_id AND d.lane = ANY(:lanes::smallint[]) AND d.state = 'sending'
        AND NOT (d.event_id = ANY(:in_hand::uuid[]))
        AND NOT EXISTS (SELECT FROM delivery_attempts a WHERE a.tenant_id = :tenant_id AND a.event_id = d.event_id
            AND a.target = d.target AND a.attempt = d.attempts AND a.started_at > :begun_by)
    FOR UPDATE
), ended AS (
    UPDATE delivery_attempts a SET ended_at = :now, outcome = CASE a.target WHEN 'whatsapp' THEN 'unknown' ELSE 'retry' END,
        error = '{"code": "interrupted", "message": "The process ended before the answer came."}'
    FROM found f WHERE a.tenant_id = :tenant_id AND a.event_id = f.event_id AND a.target = f.target AND a.attempt = f.attempts
)
UPDATE deliveries d SET
    state = CASE d.target WHEN 'whatsapp' THEN 'unknown' ELSE 'pending' END,
    hold_until = CASE d.target WHEN 'whatsapp' THEN :hold_until::timestamptz END,
    next_attempt_at = CASE d.target WHEN 'whatsapp' THEN :unknown_until::timestamptz ELSE :now::timestamptz END
FROM found f WHERE d.tenant_id = :tenant_id AND d.event_id = f.event_id AND d.target = f.target
RETURNING d.message_id, d.target;

-- name: settle_arrived
-- A status of the message proves that a send arrived: one of which nobody knew, or one that was taken for not done and waits to
-- be made again.
UPDATE deliveries SET state = 'sent', finished_at = :now, external_id = coalesce(external_id, v.wamid)
FROM unnest(:message_ids::uuid[], :wamids::text[]) AS v (message_id, wamid)
WHERE tenant_id = :tenant_id AND deliveries.message_id = v.message_id AND target = 'whatsapp' AND state IN ('pending', 'unknown')
RETURNING deliveries.message_id;

-- name: cancel_many
-- Of messages that the caller has locked: what is not sent yet will not be. Returned is what may have left, which stands as it is.
WITH cancelled AS (
    UPDATE deliveries d SET state = 'failed', finished_at = :now, error = :error::jsonb
    WHERE d.tenant_id = :tenant_id AND d.message_id = ANY(:message_ids::uuid[]) AND d.target = 'whatsapp' AND d.state = 'pending'
    RETURNING d.message_id
)
SELECT d.message_id FROM deliveries d
WHERE d.tenant_id = :tenant_id AND d.message_id = ANY(:message_ids::uuid[]) AND d.target = 'whatsapp'
    AND d.state IN ('pending', 'sending', 'unknown', 'sent')
    AND NOT EXISTS (SELECT FROM cancelled c WHERE c.message_id = d.message_id);

-- name: list_behind
-- What has not begun to leave, templates apart, of customers whose window closed before the first of it left. In its order.
SELECT d.message_id, d.request ->> 'type' AS type FROM deliveries d
WHERE d.tenant_id = :tenant_id AND d.order_key = ANY(:order_keys::text[]) AND d.target = 'whatsapp' AND d.state = 'pending'
    AND d.request ->> 'type' <> 'template'
ORDER BY d.position, d.event_id;

-- name: end_unknown!
-- Somebody who knows says that the message failed. Its error still forbids a replay: an answer was lost.
UPDATE deliveries SET state = 'failed', finished_at = :now,
    error = '{"code": "outcome_unknown", "title": "The answer to the send was lost; it was said to have failed."}'
WHERE tenant_id = :tenant_id AND message_id = ANY(:message_ids::uuid[]) AND target = 'whatsapp' AND state = 'unknown';

-- name: give_up_unknown
-- No status came in `settings.unknown_ttl`: the message is failed as `outcome_unknown`, a person decides whether to send again.
UPDATE deliveries SET state = 'failed', finished_at = :now,
    error = '{"code": "outcome_unknown", "title": "The answer to the send was lost and no status ever came."}'
WHERE tenant_id = :tenant_id AND target = 'whatsapp' AND state = 'unknown' AND next_attempt_at <= :now
RETURNING message_id;

-- name: find_of_messages
-- Before a replay sends again: what became of each message's deliveries so far.
SELECT d.message_id, d.target, d.state, d.external_id, d.error
FROM deliveries d WHERE d.tenant_id = :tenant_id AND d.message_id = ANY(:message_ids::uuid[]);

-- name: list_of_message
-- Every delivery of one message, for the trace.
SELECT d.event_id, d.target, d.account, d.state, d.attempts, d.position, d.created_at, d.next_attempt_at, d.hold_until,
    d.finished_at, d.external_id, d.error, d.target IN ('genesys', 'genesys_file') AND d.request ? 'content'
        AND d.error ->> 'code' IS DISTINCT FROM 'attachment_refused' AS has_file
FROM deliveries d WHERE d.tenant_id = :tenant_id AND d.message_id = :message_id ORDER BY d.position;

-- name: attach_many
-- Only of what was never tried: of an attempt whose answer was lost Genesys may have the message, and tells a repeat by its id, not
-- by what is in it. Whoever claims it at this moment is waited for, and then it is not pending any more.
UPDATE deliveries d SET request = d.request || jsonb_build_object('content', v.content::jsonb),
    next_attempt_at = least(d.next_attempt_at, d.created_at)
FROM unnest(:message_ids::uuid[], :contents::text[]) AS v (message_id, content)
WHERE d.tenant_id = :tenant_id AND d.message_id = v.message_id AND d.target = 'genesys' AND d.state = 'pending' AND d.attempts = 0
    AND NOT d.request ? 'content'
RETURNING d.message_id;

-- name: end_wait!
-- Their file does not come.
UPDATE deliveries d SET next_attempt_at = d.created_at
WHERE d.tenant_id = :tenant_id AND d.message_id = ANY(:message_ids::uuid[]) AND d.target = 'genesys' AND d.state = 'pending'
    AND d.attempts = 0 AND d.next_attempt_at > d.created_at;

-- name: list_without_file
-- Of a message that was sent again one delivery with it is enough.
SELECT d.message_id FROM deliveries d
WHERE d.tenant_id = :tenant_id AND d.message_id = ANY(:message_ids::uuid[]) AND d.target IN ('genesys', 'genesys_file')
GROUP BY d.message_id HAVING NOT bool_or(d.request ? 'content');

-- name: find_at_genesys
-- Which customers' messages Genesys knows by these ids: its answers to our deliveries said so.
SELECT d.external_id, d.message_id FROM deliveries d
WHERE d.tenant_id = :tenant_id AND d.target = 'genesys' AND d.external_id = ANY(:external_ids::text[])
    AND length(d.external_id) <= 512;

-- name: list_attempts
-- Every attempt of those deliveries.
SELECT a.event_id, a.target, a.attempt, a.holder, a.epoch, a.started_at, a.ended_at, a.outcome, a.http_status, a.error
FROM delivery_attempts a WHERE a.tenant_id = :tenant_id AND a.event_id = ANY(:event_ids::uuid[]) ORDER BY a.started_at;

-- name: find_looked_up
-- Among what is not done, which the claims look through all the time.
SELECT d.conversation_id FROM deliveries d
WHERE d.tenant_id = :tenant_id AND d.yields AND d.state IN ('pending', 'sending', 'unknown')
    AND d.order_key = ANY(:order_keys::text[]) AND d.target = 'genesys_lookup';

-- name: replace_receipts
-- Whoever claims one at this moment is waited for; it is not pending then, and the later receipt goes behind it.
UPDATE deliveries d SET request = v.request::jsonb
FROM unnest(:message_ids::uuid[], :accounts::text[], :requests::text[]) AS v (message_id, account, request)
WHERE d.tenant_id = :tenant_id AND d.message_id = v.message_id AND d.target = 'genesys_receipt' AND d.state = 'pending'
    AND d.account = v.account
RETURNING d.message_id;

-- name: list_waiting_for_genesys
-- Of one tenant: all that is not done is looked through.
SELECT d.tenant_id, d.account, d.target, count(*) AS items, min(d.created_at) AS oldest FROM deliveries d
WHERE d.tenant_id = :tenant_id AND d.state IN ('pending', 'sending')
    AND d.target IN ('genesys', 'genesys_file', 'genesys_receipt', 'genesys_lookup')
GROUP BY d.tenant_id, d.account, d.target;

-- name: list_all_waiting_for_genesys
-- Across tenants, by the audited function.
SELECT w.tenant_id, w.account, w.target, w.items, w.oldest FROM waiting_for_genesys() w;
-- name: lock_offers
-- One probe a conversation of a table that holds one row for each that waits for an answer. In one order: a deadlock needs two.
SELECT o.conversation_id, o.message_id, o.is_numbered, o.at FROM offers o
WHERE o.tenant_id = :tenant_id AND o.conversation_id = ANY(:conversation_ids::uuid[])
ORDER BY o.conversation_id FOR UPDATE;

-- name: note_offers!
-- A newer one takes the place of an older one. Of a conversation that was deleted meanwhile nothing is kept.
INSERT INTO offers (tenant_id, conversation_id, message_id, is_numbered, at)
SELECT :tenant_id, c.id, v.message_id, v.is_numbered, v.at
FROM unnest(:conversation_ids::uuid[], :message_ids::uuid[], :are_numbered::boolean[], :at::timestamptz[])
    AS v (conversation_id, message_id, is_numbered, at)
JOIN conversations c ON c.tenant_id = :tenant_id AND c.id = v.conversation_id
ORDER BY c.id
ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET message_id = excluded.message_id, is_numbered = excluded.is_numbered,
    at = excluded.at;

-- name: drop_offers!
-- They are answered, or nobody's answer to them is to be expected any more.
DELETE FROM offers o WHERE o.tenant_id = :tenant_id AND o.conversation_id = ANY(:conversation_ids::uuid[]);

-- name: rehome!
-- Whose message went to another conversation: by that one's contact the last look before it leaves knows whose its address is. In one
-- order, so that two at once cannot deadlock.
WITH mine AS MATERIALIZED (
    SELECT d.event_id, d.target, v.conversation_id
    FROM unnest(:message_ids::uuid[], :conversation_ids::uuid[]) AS v (message_id, conversation_id)
    JOIN deliveries d ON d.tenant_id = :tenant_id AND d.message_id = v.message_id
    WHERE d.state IN ('pending', 'sending', 'unknown')
    ORDER BY d.position, d.event_id, d.target FOR NO KEY UPDATE OF d
)
UPDATE deliveries d SET conversation_id = n.conversation_id
FROM mine n WHERE d.tenant_id = :tenant_id AND d.event_id = n.event_id AND d.target = n.target;

-- name: reorder!
-- Contacts became one, or two again: what has not left stands in the order of whoever its message's conversation is of by now, where
-- it stood, be it under way or not: it holds that one's queue. In one order, so that two at once cannot deadlock.
WITH mine AS MATERIALIZED (
    SELECT d.event_id, d.target, v.contact_id, v.id AS conversation_id
    FROM deliveries d
    JOIN messages m ON m.tenant_id = :tenant_id AND m.id = d.message_id
    JOIN conversations v ON v.tenant_id = :tenant_id AND v.id = m.conversation_id
    WHERE d.tenant_id = :tenant_id AND d.state IN ('pending', 'sending', 'unknown')
        AND right(d.order_key, 36) = ANY(:contacts::text[]) AND left(d.order_key, 2) IN ('w:', 'g:')
        AND (right(d.order_key, 36) <> v.contact_id::text OR d.conversation_id <> v.id)
    ORDER BY d.position, d.event_id, d.target FOR NO KEY UPDATE OF d
)
UPDATE deliveries d SET order_key = left(d.order_key, -36) || n.contact_id, conversation_id = n.conversation_id
FROM mine n WHERE d.tenant_id = :tenant_id AND d.event_id = n.event_id AND d.target = n.target;
