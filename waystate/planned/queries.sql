-- name: insert_many!
INSERT INTO planned_messages (tenant_id, id, contact_id, phone_number_id, message_id, send_at, due_at, expires_at, request,
    actor_kind, actor_id, created_at)
SELECT :tenant_id, v.id, v.contact_id, v.phone_number_id, v.message_id, v.send_at, v.due_at, v.expires_at, v.request::jsonb,
    v.actor_kind, v.actor_id, v.created_at
FROM unnest(:ids::uuid[], :contact_ids::uuid[], :phone_number_ids::text[], :message_ids::uuid[], :send_at::timestamptz[],
    :due_at::timestamptz[], :expires_at::timestamptz[], :requests::text[], :actor_kinds::text[], :actor_ids::uuid[],
    :created_at::timestamptz[])
    AS v (id, contact_id, phone_number_id, message_id, send_at, due_at, expires_at, request, actor_kind, actor_id, created_at);

-- name: find_many
SELECT p.id, p.contact_id, p.phone_number_id, p.message_id, p.state, p.send_at, p.due_at, p.expires_at, p.request, p.actor_kind,
    p.actor_id, p.error, p.created_at, p.finished_at
FROM planned_messages p WHERE p.tenant_id = :tenant_id AND p.id = ANY(:ids::uuid[]);

-- name: lock_many
-- In one order, whoever locks several.
SELECT p.id, p.contact_id, p.phone_number_id, p.message_id, p.state, p.send_at, p.due_at, p.expires_at, p.request, p.actor_kind,
    p.actor_id, p.error, p.created_at, p.finished_at
FROM planned_messages p WHERE p.tenant_id = :tenant_id AND p.id = ANY(:ids::uuid[]) ORDER BY p.id FOR NO KEY UPDATE;

-- name: note_resent!
UPDATE planned_messages p SET request = p.request || jsonb_build_object('resent_as', :copy_id::text)
WHERE p.tenant_id = :tenant_id AND p.id = ANY(:ids::uuid[]) AND p.state = 'failed';

-- name: find_waiting_of^
-- By the contact, whose index leads to a message's few plans.
SELECT p.id, p.contact_id, p.phone_number_id, p.message_id, p.state, p.send_at, p.due_at, p.expires_at, p.request, p.actor_kind,
    p.actor_id, p.error, p.created_at, p.finished_at
FROM planned_messages p
WHERE p.tenant_id = :tenant_id AND p.contact_id = :contact_id AND p.message_id = :message_id AND p.state = 'waiting' LIMIT 1;

-- name: withdraw^
-- Whoever releases it at the same moment holds its row: one of the two finds it waiting.
UPDATE planned_messages p SET state = 'withdrawn', finished_at = :now
WHERE p.tenant_id = :tenant_id AND p.id = :id AND p.state = 'waiting'
RETURNING p.id, p.contact_id, p.phone_number_id, p.message_id, p.state, p.send_at, p.due_at, p.expires_at, p.request, p.actor_kind,
    p.actor_id, p.error, p.created_at, p.finished_at;

-- name: list_newest
-- One page, newest first: an id begins with its time.
SELECT p.id, p.contact_id, p.phone_number_id, p.message_id, p.state, p.send_at, p.due_at, p.expires_at, p.request, p.actor_kind,
    p.actor_id, p.error, p.created_at, p.finished_at
FROM planned_messages p
WHERE p.tenant_id = :tenant_id AND p.id < :after
    AND (:phone_number_id::text IS NULL OR p.phone_number_id = :phone_number_id)
ORDER BY p.id DESC LIMIT :page;

-- name: list_waiting
SELECT p.id, p.contact_id, p.phone_number_id, p.message_id, p.state, p.send_at, p.due_at, p.expires_at, p.request, p.actor_kind,
    p.actor_id, p.error, p.created_at, p.finished_at
FROM planned_messages p
WHERE p.tenant_id = :tenant_id AND p.state = 'waiting' AND p.id < :after
    AND (:phone_number_id::text IS NULL OR p.phone_number_id = :phone_number_id)
ORDER BY p.id DESC LIMIT :page;

-- name: list_finished
SELECT p.id, p.contact_id, p.phone_number_id, p.message_id, p.state, p.send_at, p.due_at, p.expires_at, p.request, p.actor_kind,
    p.actor_id, p.error, p.created_at, p.finished_at
FROM planned_messages p
WHERE p.tenant_id = :tenant_id AND p.state <> 'waiting' AND p.state = :state AND p.id < :after
    AND (:phone_number_id::text IS NULL OR p.phone_number_id = :phone_number_id)
ORDER BY p.id DESC LIMIT :page;

-- name: list_of_contact
SELECT p.id, p.contact_id, p.phone_number_id, p.message_id, p.state, p.send_at, p.due_at, p.expires_at, p.request, p.actor_kind,
    p.actor_id, p.error, p.created_at, p.finished_at
FROM planned_messages p
WHERE p.tenant_id = :tenant_id AND p.contact_id = :contact_id AND p.id < :after
    AND (:state::text IS NULL OR p.state = :state) AND (:phone_number_id::text IS NULL OR p.phone_number_id = :phone_number_id)
ORDER BY p.id DESC LIMIT :page;

-- name: make_due
-- These customers wrote: what was held for them goes out next. Their conversations are locked, so no row is waited for here: who
-- has one withdraws it, or fails it since its time is over, and waits for the conversation.
WITH held AS MATERIALIZED (
    SELECT h.id FROM unnest(:phone_number_ids::text[], :contact_ids::uuid[]) AS v (phone_number_id, contact_id)
    JOIN planned_messages h ON h.tenant_id = :tenant_id AND h.contact_id = v.contact_id AND h.phone_number_id = v.phone_number_id
    WHERE h.state = 'waiting' AND h.due_at IS NULL FOR NO KEY UPDATE OF h SKIP LOCKED
)
UPDATE planned_messages p SET due_at = :now FROM held WHERE p.tenant_id = :tenant_id AND p.id = held.id
RETURNING p.id;

-- name: make_due_by_windows
-- The net: a hold and the customer's message can cross where they lock different conversations, and contacts are merged.
WITH held AS MATERIALIZED (
    SELECT h.id FROM planned_messages h
    WHERE h.tenant_id = :tenant_id AND h.state = 'waiting' AND h.due_at IS NULL AND EXISTS (
        SELECT FROM conversations c WHERE c.tenant_id = :tenant_id AND c.contact_id = h.contact_id
            AND c.phone_number_id = h.phone_number_id AND c.window_told IS DISTINCT FROM 'closed'
            AND c.window_hour > :now::timestamptz - interval '25 hours' AND c.window_from > :now::timestamptz - interval '24 hours'
    )
    LIMIT :batch FOR NO KEY UPDATE OF h SKIP LOCKED
)
UPDATE planned_messages p SET due_at = :now FROM held WHERE p.tenant_id = :tenant_id AND p.id = held.id
RETURNING p.id;

-- name: lead_release$
-- One at a time releases a tenant's: a customer's messages leave in their order.
SELECT pg_try_advisory_xact_lock(hashtextextended('planned ' || :tenant_id, 0));

-- name: lock_due
-- What is withdrawn at this moment is passed over.
SELECT p.id, p.contact_id, p.phone_number_id, p.message_id, p.state, p.send_at, p.due_at, p.expires_at, p.request, p.actor_kind,
    p.actor_id, p.error, p.created_at, p.finished_at
FROM planned_messages p
WHERE p.tenant_id = :tenant_id AND p.state = 'waiting' AND p.due_at <= :now AND (:only::uuid IS NULL OR p.id = :only)
ORDER BY p.due_at, p.id LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED;

-- name: lock_expired
-- What is due is about to leave, however late.
SELECT p.id, p.contact_id, p.phone_number_id, p.message_id, p.state, p.send_at, p.due_at, p.expires_at, p.request, p.actor_kind,
    p.actor_id, p.error, p.created_at, p.finished_at
FROM planned_messages p
WHERE p.tenant_id = :tenant_id AND p.state = 'waiting' AND p.due_at IS NULL AND p.expires_at <= :now
ORDER BY p.expires_at, p.id LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED;

-- name: hold_many!
-- Their time came and their customers' windows are closed: they wait on, for the answer to a template where one asks. Rows are locked.
UPDATE planned_messages p SET due_at = NULL,
    request = (p.request - 'asked_by') || jsonb_strip_nulls(jsonb_build_object('asked_by', v.asked_by::text))
FROM unnest(:ids::uuid[], :asked_by::uuid[]) AS v (id, asked_by)
WHERE p.tenant_id = :tenant_id AND p.id = v.id AND p.state = 'waiting';

-- name: finish_many
-- Rows are locked.
UPDATE planned_messages p SET state = v.state, message_id = coalesce(v.message_id, p.message_id), error = v.error::jsonb,
    finished_at = :now
FROM unnest(:ids::uuid[], :states::text[], :message_ids::uuid[], :errors::text[]) AS v (id, state, message_id, error)
WHERE p.tenant_id = :tenant_id AND p.id = v.id AND p.state = 'waiting'
RETURNING p.id;

-- name: lock_of_messages
-- What these queued messages wait by. Their conversations are locked, so no row is waited for here: who has one ends it.
SELECT p.id, p.contact_id, p.phone_number_id, p.message_id, p.state, p.send_at, p.due_at, p.expires_at, p.request, p.actor_kind,
    p.actor_id, p.error, p.created_at, p.finished_at
FROM unnest(:contact_ids::uuid[], :message_ids::uuid[]) AS v (contact_id, message_id)
JOIN planned_messages p ON p.tenant_id = :tenant_id AND p.contact_id = v.contact_id AND p.message_id = v.message_id
WHERE p.state = 'waiting' ORDER BY p.id FOR NO KEY UPDATE OF p SKIP LOCKED;

-- name: move_many
-- Of contacts that turned out to be others, before these are gone and theirs with them.
UPDATE planned_messages p SET contact_id = v.contact_id
FROM unnest(:merged_ids::uuid[], :contact_ids::uuid[]) AS v (merged_id, contact_id)
WHERE p.tenant_id = :tenant_id AND p.contact_id = v.merged_id
RETURNING v.merged_id, p.id;

-- name: find_asked
-- Whose customers a template has asked to write, since the window was closed on what waits, and by which message; the latest one.
SELECT DISTINCT ON (p.phone_number_id, p.contact_id) p.phone_number_id, p.contact_id, (p.request ->> 'asked_by')::uuid AS asked_by
FROM unnest(:phone_number_ids::text[], :contact_ids::uuid[]) AS v (phone_number_id, contact_id)
JOIN planned_messages p ON p.tenant_id = :tenant_id AND p.contact_id = v.contact_id AND p.phone_number_id = v.phone_number_id
WHERE p.state = 'waiting' AND p.due_at IS NULL AND p.request ? 'asked_by'
ORDER BY p.phone_number_id, p.contact_id, p.id DESC;

-- name: lock_asked
-- What waits for the answers to these templates. Their conversations are locked, so no row is waited for here: who has one ends it.
SELECT p.id, p.contact_id, p.phone_number_id, p.message_id, p.state, p.send_at, p.due_at, p.expires_at, p.request, p.actor_kind,
    p.actor_id, p.error, p.created_at, p.finished_at
FROM planned_messages p
WHERE p.tenant_id = :tenant_id AND p.contact_id = ANY(:contact_ids::uuid[]) AND p.state = 'waiting' AND p.due_at IS NULL
    AND p.request ->> 'asked_by' = ANY(:asks::text[])
ORDER BY p.id FOR NO KEY UPDATE OF p SKIP LOCKED;

-- name: find_queues
-- Behind what a new message to these customers stands, and until when, should its window be open. One probe a customer.
SELECT p.phone_number_id, p.contact_id, max(coalesce(p.due_at, :now::timestamptz)) AS due_at
FROM unnest(:phone_number_ids::text[], :contact_ids::uuid[]) AS v (phone_number_id, contact_id)
JOIN planned_messages p ON p.tenant_id = :tenant_id AND p.contact_id = v.contact_id AND p.phone_number_id = v.phone_number_id
WHERE p.state = 'waiting' AND (p.send_at IS NULL OR p.due_at IS NULL OR p.due_at <= :now)
GROUP BY p.phone_number_id, p.contact_id;
