-- name: beat
-- Every few seconds somebody of the installation writes this: how long ago it was done before tells whether anybody was there.
WITH before AS (
    SELECT b.last_run_at FROM timers b WHERE b.name = 'presence' FOR UPDATE
), now_here AS (
    INSERT INTO timers AS t (name, due_at, last_run_at) VALUES ('presence', :now, :now)
    ON CONFLICT (name) DO UPDATE SET due_at = excluded.due_at, last_run_at = greatest(t.last_run_at, excluded.last_run_at)
)
SELECT b.last_run_at FROM before b;

-- name: note_absence!
INSERT INTO absences (since, until) VALUES (:since, :until) ON CONFLICT (since) DO NOTHING;

-- name: drop_absences!
DELETE FROM absences WHERE until < :before;

-- name: list_due
-- What Genesys is asked about, the most urgent first: conversations that were under way in an absence, those that it ended, whose
-- last messages may be missing, and those in which nothing was said for long. `settled`: what Genesys still tries to hand over was
-- written after that. Open is read by the index of expiry, ended by its own; both are small beside all conversations.
WITH candidates AS (
    SELECT c.id, c.contact_id, c.phone_number_id, c.wa_id, c.genesys_conversation_id, c.last_activity_at, c.closed_at,
        least(c.created_at, c.last_customer_message_at, c.last_message_at) AS known_since
    FROM conversations c
    WHERE c.tenant_id = :tenant_id AND c.status IN ('active', 'waiting', 'error') AND c.genesys_conversation_id IS NOT NULL
        AND c.expires_at > :now
    UNION ALL
    SELECT c.id, c.contact_id, c.phone_number_id, c.wa_id, c.genesys_conversation_id, c.last_activity_at, c.closed_at,
        least(c.created_at, c.last_customer_message_at, c.last_message_at) AS known_since
    FROM conversations c
    WHERE c.tenant_id = :tenant_id AND c.close_reason = 'genesys_ended' AND c.closed_at > :since AND c.closed_at <= :settled
        AND c.genesys_conversation_id IS NOT NULL
), judged AS (
    SELECT c.*, coalesce(k.unknown, 0) AS unknown, k.checked_at,
        EXISTS (
            SELECT FROM absences a WHERE a.until <= :settled AND a.until > coalesce(k.checked_at, '-infinity')
                AND c.last_activity_at >= a.since - interval '24 hours' AND c.known_since <= a.until
        ) AS was_missed
    FROM candidates c LEFT JOIN genesys_checks k ON k.tenant_id = :tenant_id AND k.conversation_id = c.id
)
SELECT j.id, j.contact_id, j.phone_number_id, j.wa_id, j.genesys_conversation_id, j.known_since, j.unknown,
    j.closed_at IS NULL AS is_open
FROM judged j
WHERE j.was_missed
    OR (j.closed_at IS NOT NULL AND (j.checked_at IS NULL OR j.checked_at < j.closed_at))
    OR (j.closed_at IS NULL AND j.last_activity_at <= :silent_since AND (
        j.checked_at IS NULL OR j.checked_at < j.last_activity_at + :silence::interval
        OR j.checked_at <= CASE WHEN j.unknown > 0 THEN :silent_since::timestamptz ELSE :again_since::timestamptz END))
ORDER BY j.was_missed DESC, j.closed_at IS NULL, j.checked_at NULLS FIRST, j.last_activity_at LIMIT :batch;

-- name: note_check!
INSERT INTO genesys_checks (tenant_id, conversation_id, checked_at, unknown) VALUES (:tenant_id, :id, :now, :unknown)
ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET checked_at = excluded.checked_at, unknown = excluded.unknown;

-- name: has_waiting$
-- What an agent wrote may have come and not be worked yet: then nothing is missing.
SELECT EXISTS (
    SELECT FROM webhook_ledger l WHERE l.state = 'pending' AND l.day >= :since AND l.source = 'genesys' AND l.origin = :integration_id
);

-- name: find_buried
-- Messages that came and could not be used, or were found missing before.
SELECT d.original_payload ->> 'genesys_message_id' AS name FROM dead_letters d
WHERE d.tenant_id = :tenant_id AND d.pipeline = 'outbound' AND d.original_payload ->> 'genesys_message_id' = ANY(:names::text[]);
