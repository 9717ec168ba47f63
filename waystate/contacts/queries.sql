-- name: hold_known
-- The fast path: nearly every message comes from somebody known. If all of a batch do, their phones are held, so that who takes one
-- (`lock_phones`) waits until these messages can be seen; other messages hold them too. A phone that went to another meanwhile is
-- not held. If somebody is not known, or shows a phone alone (`alone_at`: written when) that was not its owner's yet, none is: what
-- waits for `claim_identities` may not hold what another one claims.
WITH found AS MATERIALIZED (
    SELECT v.writer, v.kind, v.external_id, i.contact_id, c.name, coalesce(v.alone_at < i.valid_from, false) AS is_backdated
    FROM unnest(:writers::int[], :kinds::text[], :external_ids::text[], :alone_at::timestamptz[])
        AS v (writer, kind, external_id, alone_at)
    LEFT JOIN contact_identities i ON i.tenant_id = :tenant_id AND i.channel = 'whatsapp'
        AND i.kind = v.kind AND i.external_id = v.external_id AND i.valid_to IS NULL
    LEFT JOIN contacts c ON c.tenant_id = i.tenant_id AND c.id = i.contact_id
), unsettled AS (
    SELECT f.writer FROM found f GROUP BY f.writer
    HAVING count(f.contact_id) < count(*) OR count(DISTINCT f.contact_id) > 1 OR bool_or(f.is_backdated)
), held AS MATERIALIZED (
    SELECT h.external_id
    FROM found f
    JOIN contact_identities h ON h.tenant_id = :tenant_id AND h.channel = 'whatsapp'
        AND h.kind = f.kind AND h.external_id = f.external_id AND h.valid_to IS NULL
    WHERE f.kind = 'wa_id' AND NOT EXISTS (SELECT FROM unsettled)
    ORDER BY h.external_id
    FOR KEY SHARE OF h
)
SELECT f.kind, f.external_id, f.contact_id, f.name,
    (f.kind <> 'wa_id' OR f.external_id IN (SELECT h.external_id FROM held h)) AS is_held
FROM found f WHERE f.contact_id IS NOT NULL;

-- name: find_identities
-- Whose they are now, without a lock.
SELECT i.kind, i.external_id, i.contact_id, c.name
FROM unnest(:kinds::text[], :external_ids::text[]) AS v (kind, external_id)
JOIN contact_identities i ON i.tenant_id = :tenant_id AND i.channel = 'whatsapp'
    AND i.kind = v.kind AND i.external_id = v.external_id AND i.valid_to IS NULL
JOIN contacts c ON c.tenant_id = i.tenant_id AND c.id = i.contact_id;

-- name: lock_spellings!
-- Who is met first under both spellings of a phone at once is one contact: of two transactions the second sees the first's. Taken
-- before anything is claimed, in one order, so that nobody waits for whom it keeps waiting.
SELECT pg_advisory_xact_lock(hashtextextended('spelling ' || :tenant_id || ' ' || v.phone, 0))
FROM (SELECT DISTINCT u.phone FROM unnest(:phones::text[]) AS u (phone) ORDER BY u.phone) AS v;

-- name: claim_identities
-- The partial unique index decides which contact a new person is; the loser of a race waits and is given the winner's. Who is known
-- is locked in the same order, so that no identity changes its owner behind the back of a decision; xmax = 0 marks what is new.
INSERT INTO contact_identities AS i (tenant_id, channel, kind, external_id, valid_from, contact_id)
SELECT :tenant_id, 'whatsapp', v.kind, v.external_id, v.valid_from, v.contact_id
FROM unnest(:kinds::text[], :external_ids::text[], :valid_from::timestamptz[], :contact_ids::uuid[])
    AS v (kind, external_id, valid_from, contact_id)
ORDER BY v.kind, v.external_id
ON CONFLICT (tenant_id, channel, kind, external_id) WHERE valid_to IS NULL DO UPDATE SET attested = true
RETURNING kind, external_id, valid_from, contact_id, (xmax = 0) AS is_new;

-- name: find_former
-- Whose phones were, and since when. Asked only where a message may be older than its phone's owner.
SELECT i.external_id, i.valid_from, i.contact_id
FROM unnest(:external_ids::text[]) AS v (external_id)
JOIN contact_identities i ON i.tenant_id = :tenant_id AND i.channel = 'whatsapp' AND i.kind = 'wa_id'
    AND i.external_id = v.external_id AND i.valid_to IS NOT NULL
ORDER BY i.external_id, i.valid_from;

-- name: lock_phones!
-- Waits for the messages of whoever holds them. They are claimed by this transaction already, so only one at a time waits here.
SELECT i.external_id
FROM unnest(:external_ids::text[]) AS v (external_id)
JOIN contact_identities i ON i.tenant_id = :tenant_id AND i.channel = 'whatsapp' AND i.kind = 'wa_id'
    AND i.external_id = v.external_id AND i.valid_to IS NULL
ORDER BY i.external_id
FOR UPDATE OF i;

-- name: find_leading
-- Asked only where an unknown business-scoped user id writes from a known phone: who has one already is somebody else.
-- Not what this transaction has only proposed.
SELECT DISTINCT i.contact_id FROM contact_identities i
WHERE i.tenant_id = :tenant_id AND i.contact_id = ANY(:contact_ids::uuid[]) AND i.channel = 'whatsapp' AND i.kind = 'bsuid'
    AND i.valid_to IS NULL AND NOT (i.external_id = ANY(:new::text[]));

-- name: correct_identities!
-- Claimed in this transaction for somebody whom the person turned out not to be: another batch had met one of them first.
UPDATE contact_identities i SET contact_id = v.contact_id, valid_from = v.valid_from
FROM unnest(:kinds::text[], :external_ids::text[], :valid_from::timestamptz[], :contact_ids::uuid[])
    AS v (kind, external_id, valid_from, contact_id)
WHERE i.tenant_id = :tenant_id AND i.channel = 'whatsapp' AND i.kind = v.kind AND i.external_id = v.external_id
    AND i.valid_to IS NULL;

-- name: move_identities!
-- A number is recycled: its past stays with whom it was, from when the new owner wrote it is theirs. The rows are locked by the
-- claim. Who had a phone only within the batch has a row of theirs too, which ends (`valid_to`) where the next one begins.
WITH wanted AS (
    SELECT * FROM unnest(:kinds::text[], :external_ids::text[], :valid_from::timestamptz[], :valid_to::timestamptz[],
        :contact_ids::uuid[], :firsts::boolean[]) AS v (kind, external_id, valid_from, valid_to, contact_id, is_first)
), ended AS (
    UPDATE contact_identities i SET valid_to = v.valid_from
    FROM wanted v
    WHERE i.tenant_id = :tenant_id AND i.channel = 'whatsapp' AND i.kind = v.kind AND i.external_id = v.external_id
        AND i.valid_to IS NULL AND v.is_first
    RETURNING i.kind, i.external_id
)
INSERT INTO contact_identities (tenant_id, channel, kind, external_id, valid_from, valid_to, contact_id)
SELECT :tenant_id, 'whatsapp', v.kind, v.external_id, v.valid_from, v.valid_to, v.contact_id
FROM wanted v JOIN ended e ON e.kind = v.kind AND e.external_id = v.external_id;

-- name: insert_contacts!
-- Only the contacts whose identities won their claims.
INSERT INTO contacts (tenant_id, id, name, phone_number)
SELECT :tenant_id, v.id, v.name, v.phone_number
FROM unnest(:ids::uuid[], :names::text[], :phone_numbers::text[]) AS v (id, name, phone_number)
ORDER BY v.id;

-- name: change_contacts!
-- Locked in id order, so that two batches cannot deadlock. What a contact lost, it shows no more.
WITH locked AS MATERIALIZED (
    SELECT c.id FROM contacts c WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]) ORDER BY c.id FOR NO KEY UPDATE
)
UPDATE contacts c SET name = coalesce(v.name, c.name), phone_number = CASE
    WHEN v.gained IS NOT NULL THEN v.gained
    WHEN c.phone_number = ANY(string_to_array(v.lost, ',')) THEN v.rest
    ELSE c.phone_number END
FROM locked l
JOIN unnest(:ids::uuid[], :names::text[], :gained::text[], :lost::text[], :rest::text[]) AS v (id, name, gained, lost, rest)
    ON v.id = l.id
WHERE c.tenant_id = :tenant_id AND c.id = l.id
    AND (c.name IS DISTINCT FROM coalesce(v.name, c.name) OR v.gained IS NOT NULL OR v.lost IS NOT NULL);

-- name: find_recipients
-- All that leads to these contacts now, the newest last.
SELECT i.contact_id, i.kind, i.external_id, c.name
FROM contact_identities i
JOIN contacts c ON c.tenant_id = i.tenant_id AND c.id = i.contact_id
WHERE i.tenant_id = :tenant_id AND i.contact_id = ANY(:contact_ids::uuid[]) AND i.channel = 'whatsapp' AND i.valid_to IS NULL
ORDER BY i.contact_id, i.valid_from;

-- name: add_identities
-- The partial unique index decides: who is here already is not touched.
INSERT INTO contact_identities AS i (tenant_id, channel, kind, external_id, valid_from, contact_id)
SELECT :tenant_id, 'whatsapp', v.kind, v.external_id, v.valid_from, v.contact_id
FROM unnest(:kinds::text[], :external_ids::text[], :valid_from::timestamptz[], :contact_ids::uuid[])
    AS v (kind, external_id, valid_from, contact_id)
ORDER BY v.kind, v.external_id
ON CONFLICT (tenant_id, channel, kind, external_id) WHERE valid_to IS NULL DO NOTHING
RETURNING contact_id;

-- name: add_contacts!
-- Tags come as JSON, since arrays of arrays must be of one length.
INSERT INTO contacts (tenant_id, id, name, email, phone_number, tags, preferences, metadata, created_at)
SELECT :tenant_id, v.id, v.name, v.email, v.phone_number, ARRAY(SELECT jsonb_array_elements_text(v.tags::jsonb)),
    v.preferences::jsonb, v.metadata::jsonb, v.created_at
FROM unnest(:ids::uuid[], :names::text[], :emails::text[], :phone_numbers::text[], :tags::text[], :preferences::text[],
    :metadata::text[], :created_at::timestamptz[])
    AS v (id, name, email, phone_number, tags, preferences, metadata, created_at)
ORDER BY v.id;

-- name: date_back!
-- Locked in id order, as all that change contacts do.
WITH locked AS MATERIALIZED (
    SELECT c.id, v.created_at
    FROM unnest(:contact_ids::uuid[], :created_at::timestamptz[]) AS v (id, created_at)
    JOIN contacts c ON c.tenant_id = :tenant_id AND c.id = v.id AND c.created_at > v.created_at
    ORDER BY c.id FOR NO KEY UPDATE OF c
)
UPDATE contacts c SET created_at = l.created_at FROM locked l WHERE c.tenant_id = :tenant_id AND c.id = l.id;

-- name: list_marked
-- By the key, a page at a time: the mark itself has no index, and is asked for seldom.
SELECT c.id FROM contacts c
WHERE c.tenant_id = :tenant_id AND (:after::uuid IS NULL OR c.id > :after::uuid) AND c.metadata @> :mark::jsonb
ORDER BY c.id LIMIT :page;

-- name: remove_contacts
-- Identities, conversations and messages go with them.
DELETE FROM contacts c WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]) RETURNING c.id;
