-- name: find_record^
-- A merge by its id.
SELECT r.id, r.merged_id, r.into_id, r.contact_id, r.merged_at, r.made_by, r.undo FROM contact_merges r
WHERE r.tenant_id = :tenant_id AND r.id = :id;

-- name: find_of_merged^
-- A merge by the contact that is an alias by it.
SELECT r.id, r.merged_id, r.into_id, r.contact_id, r.merged_at, r.made_by, r.undo FROM contact_merges r
WHERE r.tenant_id = :tenant_id AND r.merged_id = :merged_id;

-- name: list_of_contact
-- Everybody who turned out to be this contact, the latest first: few of any one.
SELECT r.id, r.merged_id, r.into_id, r.contact_id, r.merged_at, r.made_by, r.undo FROM contact_merges r
WHERE r.tenant_id = :tenant_id AND r.contact_id = :contact_id AND (r.merged_at, r.id) < (:before::timestamptz, :before_id::uuid)
ORDER BY r.merged_at DESC, r.id DESC LIMIT :batch;

-- name: lock_record^
-- The contacts are locked: where it leads stays so.
SELECT r.contact_id FROM contact_merges r WHERE r.tenant_id = :tenant_id AND r.id = :id FOR UPDATE;

-- name: lock_identities
-- In the order in which they are claimed, and before the contacts, as messages do: who shows one waits here.
SELECT i.kind, i.external_id, i.valid_from, i.contact_id FROM contact_identities i
WHERE i.tenant_id = :tenant_id AND i.contact_id = ANY(:contact_ids::uuid[]) AND i.channel = 'whatsapp' AND i.valid_to IS NULL
ORDER BY i.kind, i.external_id FOR UPDATE OF i;

-- name: list_chain
-- Who leads to a contact, and by whom.
SELECT r.merged_id, r.into_id FROM contact_merges r WHERE r.tenant_id = :tenant_id AND r.contact_id = :contact_id;

-- name: move_phone_replies!
-- What an agent is to be told of with the customer's next message; of two the newer one.
INSERT INTO phone_replies AS p (tenant_id, phone_number_id, contact_id, message_id, text, sent_at)
SELECT :tenant_id, r.phone_number_id, :contact_id, r.message_id, r.text, r.sent_at FROM phone_replies r
WHERE r.tenant_id = :tenant_id AND r.contact_id = :merged_id ORDER BY r.phone_number_id
ON CONFLICT (tenant_id, phone_number_id, contact_id) DO UPDATE SET message_id = excluded.message_id, text = excluded.text,
    sent_at = excluded.sent_at
WHERE p.sent_at < excluded.sent_at;

-- name: restore_contact!
-- As it was when it was merged.
INSERT INTO contacts (tenant_id, id, name, is_named_by_hand, email, phone_number, username, language, profile_picture_url, tags,
    preferences, metadata, created_at, edited_at)
SELECT :tenant_id, :id, f.name, coalesce(f.is_named_by_hand, false), f.email, f.phone_number, f.username, f.language,
    f.profile_picture_url, coalesce(f.tags, '{}'), coalesce(f.preferences, '{}'), coalesce(f.metadata, '{}'),
    coalesce(f.created_at, :now), coalesce(f.edited_at, :now)
FROM jsonb_to_record(:fields::text::jsonb) AS f (name text, is_named_by_hand boolean, email text, phone_number text, username text,
    language text, profile_picture_url text, tags text[], preferences jsonb, metadata jsonb, created_at timestamptz,
    edited_at timestamptz);

-- name: restore_identities
-- Those that are still with whom they went to; what another person has by now is theirs.
UPDATE contact_identities i SET contact_id = :contact_id
FROM unnest(:kinds::text[], :external_ids::text[], :valid_from::timestamptz[]) AS v (kind, external_id, valid_from)
WHERE i.tenant_id = :tenant_id AND i.contact_id = :holder_id AND i.channel = 'whatsapp' AND i.kind = v.kind
    AND i.external_id = v.external_id AND i.valid_from = v.valid_from
RETURNING i.external_id;

-- name: list_gained
-- What was learned since of a contact that had been two: an id belongs with the phone that the message came from which showed it.
SELECT i.kind, i.external_id, i.valid_from, m.sender
FROM contact_identities i
JOIN conversations c ON c.tenant_id = :tenant_id AND c.contact_id = i.contact_id
JOIN messages m ON m.tenant_id = :tenant_id AND m.conversation_id = c.id AND m.sent_at = i.valid_from AND m.direction = 'inbound'
WHERE i.tenant_id = :tenant_id AND i.contact_id = :holder_id AND i.channel = 'whatsapp' AND i.valid_from >= :since
    AND i.external_id <> ALL(:known::text[]) AND m.sender = ANY(:senders::text[]);

-- name: restore_aliases!
UPDATE contact_merges r SET contact_id = :contact_id WHERE r.tenant_id = :tenant_id AND r.merged_id = ANY(:merged_ids::uuid[]);

-- name: rewrite_undo!
-- Of merges by which others took what a contact, restored now, has again. Their contact is locked.
UPDATE contact_merges r SET undo = v.undo::jsonb FROM unnest(:ids::uuid[], :undo::text[]) AS v (id, undo)
WHERE r.tenant_id = :tenant_id AND r.id = v.id;

-- name: drop_record!
DELETE FROM contact_merges r WHERE r.tenant_id = :tenant_id AND r.id = :id;

-- name: restore_planned!
UPDATE planned_messages p SET contact_id = :contact_id
WHERE p.tenant_id = :tenant_id AND p.contact_id = :holder_id AND p.id = ANY(:ids::uuid[]);

-- name: list_conversations
-- They are locked.
SELECT c.id, c.contact_id, c.phone_number_id, c.status, c.close_reason, c.expires_at, c.control_epoch FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.contact_id = :contact_id ORDER BY c.id;

-- name: list_later
-- Received since; whom each is of tells the id that it came from, or went to. No index leads to who received what when, but the ids of
-- partitions do. Under the conversations' locks.
SELECT m.id, m.conversation_id, m.direction, m.sent_at, m.wamid, m.text,
    CASE m.direction WHEN 'inbound' THEN m.sender ELSE (
        SELECT coalesce(d.request ->> 'to', d.request ->> 'recipient') FROM deliveries d
        WHERE d.tenant_id = :tenant_id AND d.message_id = m.id AND d.target = 'whatsapp' LIMIT 1) END AS external_id
FROM messages m
WHERE m.tenant_id = :tenant_id AND m.conversation_id = ANY(:ids::uuid[]) AND m.id > :since::uuid
ORDER BY m.id FOR NO KEY UPDATE OF m;

-- name: give_conversations!
UPDATE conversations c SET contact_id = :contact_id, version = c.version + 1
WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]);

-- name: reopen!
-- Their end was the merge's alone.
UPDATE conversations c SET status = v.status, closed_at = NULL, close_reason = NULL, version = c.version + 1
FROM unnest(:ids::uuid[], :statuses::text[]) AS v (id, status)
WHERE c.tenant_id = :tenant_id AND c.id = v.id;

-- name: move_messages!
UPDATE messages m SET conversation_id = v.conversation_id
FROM unnest(:ids::uuid[], :conversation_ids::uuid[]) AS v (id, conversation_id)
WHERE m.tenant_id = :tenant_id AND m.id = v.id;

-- name: retell!
-- Of conversations that messages were taken from: what they say of the last ones, by what is left. A window that one of them opened
-- was the other customer's. Who is answered there is who wrote last.
UPDATE conversations c SET last_message_at = l.sent_at, last_message_id = coalesce(l.wamid, l.id::text),
    last_message = left(l.text, 1000), last_customer_message_at = h.sent_at,
    window_from = CASE WHEN c.window_from > coalesce(h.sent_at, '-infinity') AND c.window_from <= v.taken_at
        THEN least(h.sent_at, :now) ELSE c.window_from END,
    window_told = CASE WHEN h.sent_at > :now::timestamptz - interval '24 hours' THEN c.window_told ELSE 'closed' END,
    wa_id = CASE WHEN c.wa_id = ANY(:left::text[]) THEN a.wa_id ELSE c.wa_id END,
    user_id = CASE WHEN c.user_id = ANY(:left::text[]) THEN a.user_id ELSE c.user_id END,
    version = c.version + 1
FROM unnest(:ids::uuid[], :taken_at::timestamptz[]) AS v (id, taken_at)
JOIN conversations o ON o.tenant_id = :tenant_id AND o.id = v.id
LEFT JOIN LATERAL (
    SELECT m.id, m.sent_at, m.wamid, m.text FROM messages m WHERE m.tenant_id = :tenant_id AND m.conversation_id = v.id
    ORDER BY m.sent_at DESC, m.id DESC LIMIT 1
) AS l ON true
LEFT JOIN LATERAL (
    SELECT m.sent_at FROM messages m
    WHERE m.tenant_id = :tenant_id AND m.conversation_id = v.id AND m.direction = 'inbound'
    ORDER BY m.sent_at DESC, m.id DESC LIMIT 1
) AS h ON true
LEFT JOIN LATERAL (
    SELECT max(i.external_id) FILTER (WHERE i.kind = 'wa_id') AS wa_id, max(i.external_id) FILTER (WHERE i.kind = 'bsuid') AS user_id
    FROM contact_identities i WHERE i.tenant_id = :tenant_id AND i.contact_id = o.contact_id AND i.valid_to IS NULL
) AS a ON true
WHERE c.tenant_id = :tenant_id AND c.id = v.id;
