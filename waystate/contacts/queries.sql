-- name: hold_known
-- The fast path: nearly every message comes from somebody known. If all of a batch do, their phones are held, so that who takes one
-- (`lock_phones`) waits until these messages can be seen; other messages hold them too. A phone that went to another meanwhile, or
-- whose contact was merged, is not held. FOR KEY SHARE would hold it: the end of an identity is no change of its key, so PostgreSQL
-- does not look at the row again after the wait. If somebody is not known, or shows a phone alone (`alone_at`: written when) that
-- was not its owner's yet, none is: what waits for `claim_identities` may not hold what another one claims.
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
    SELECT h.external_id, h.contact_id
    FROM found f
    JOIN contact_identities h ON h.tenant_id = :tenant_id AND h.channel = 'whatsapp'
        AND h.kind = f.kind AND h.external_id = f.external_id AND h.valid_to IS NULL
    WHERE f.kind = 'wa_id' AND NOT EXISTS (SELECT FROM unsettled)
    ORDER BY h.external_id
    FOR SHARE OF h
)
SELECT f.kind, f.external_id, f.contact_id, f.name,
    (f.kind <> 'wa_id' OR (f.external_id, f.contact_id) IN (SELECT h.external_id, h.contact_id FROM held h)) AS is_held
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

-- name: find_ended
-- Somebody nobody is known by now may have written late: before a change of phone or user id, by what they had then. A user id never
-- changes its person, so one that has ended leads to them at any time; a phone of the very second is the next one's. One that is told (`is_told`) may have
-- ended since.
SELECT DISTINCT ON (v.place, v.kind, v.external_id) v.place, v.kind, v.external_id, i.contact_id, i.valid_to,
    coalesce(v.at <= i.valid_to, false) AS is_late, n.kind AS present_kind, n.external_id AS present_id
FROM unnest(:places::int[], :kinds::text[], :external_ids::text[], :at::timestamptz[], :are_told::boolean[])
    AS v (place, kind, external_id, at, is_told)
JOIN contact_identities i ON i.tenant_id = :tenant_id AND i.channel = 'whatsapp' AND i.kind = v.kind
    AND i.external_id = v.external_id AND i.valid_to IS NOT NULL
    AND (v.kind = 'bsuid' OR v.at < i.valid_to - interval '1 ms' AND (i.valid_from <= v.at OR v.is_told))
LEFT JOIN LATERAL (
    SELECT c.kind, c.external_id FROM contact_identities c
    WHERE c.tenant_id = :tenant_id AND c.contact_id = i.contact_id AND c.channel = 'whatsapp' AND c.valid_to IS NULL
    ORDER BY c.kind, c.valid_from DESC LIMIT 1
) AS n ON true
ORDER BY v.place, v.kind, v.external_id, i.valid_to DESC;

-- name: drop_identities!
-- Claimed in this transaction, and not to be anybody's after all.
DELETE FROM contact_identities i USING unnest(:kinds::text[], :external_ids::text[]) AS v (kind, external_id)
WHERE i.tenant_id = :tenant_id AND i.channel = 'whatsapp' AND i.kind = v.kind AND i.external_id = v.external_id
    AND i.valid_to IS NULL;

-- name: find_former
-- Whose phones were, and since when. Asked only where a message may be older than its phone's owner.
SELECT i.external_id, i.valid_from, i.contact_id
FROM unnest(:external_ids::text[]) AS v (external_id)
JOIN contact_identities i ON i.tenant_id = :tenant_id AND i.channel = 'whatsapp' AND i.kind = 'wa_id'
    AND i.external_id = v.external_id AND i.valid_to IS NOT NULL
ORDER BY i.external_id, i.valid_from;

-- name: find_holders
-- Whose they were and are, the owner last, and who of these has a business-scoped user id. Each half has an index of its own.
SELECT h.*, EXISTS (
    SELECT FROM contact_identities b WHERE b.tenant_id = :tenant_id AND b.contact_id = h.contact_id AND b.channel = 'whatsapp'
        AND b.kind = 'bsuid' AND b.valid_to IS NULL) AS leads
FROM unnest(:kinds::text[], :external_ids::text[]) AS v (kind, external_id)
CROSS JOIN LATERAL (
    SELECT i.kind, i.external_id, i.valid_from, i.contact_id, i.valid_to FROM contact_identities i
    WHERE i.tenant_id = :tenant_id AND i.channel = 'whatsapp' AND i.kind = v.kind AND i.external_id = v.external_id
        AND i.valid_to IS NULL
    UNION ALL
    SELECT i.kind, i.external_id, i.valid_from, i.contact_id, i.valid_to FROM contact_identities i
    WHERE i.tenant_id = :tenant_id AND i.channel = 'whatsapp' AND i.kind = v.kind AND i.external_id = v.external_id
        AND i.valid_to IS NOT NULL
) AS h
ORDER BY h.kind, h.external_id, h.valid_to NULLS LAST, h.valid_from;

-- name: lock_phones!
-- Waits for the messages of whoever holds them. They are claimed by this transaction already, so only one at a time waits here.
SELECT i.external_id
FROM unnest(:external_ids::text[]) AS v (external_id)
JOIN contact_identities i ON i.tenant_id = :tenant_id AND i.channel = 'whatsapp' AND i.kind = 'wa_id'
    AND i.external_id = v.external_id AND i.valid_to IS NULL
ORDER BY i.external_id
FOR UPDATE OF i;

-- name: find_leading
-- Asked only where one person's ids do not lead to one contact: who has a business-scoped user id, and who ever had a phone. Not
-- what this transaction has only proposed.
SELECT i.contact_id, bool_or(i.kind = 'bsuid' AND i.valid_to IS NULL) AS leads, bool_or(i.kind = 'wa_id') AS has_phone
FROM contact_identities i
WHERE i.tenant_id = :tenant_id AND i.contact_id = ANY(:contact_ids::uuid[]) AND i.channel = 'whatsapp'
    AND NOT (i.valid_to IS NULL AND i.external_id = ANY(:new::text[]))
GROUP BY i.contact_id;

-- name: lock_identities
-- What a change of ids rests on, in the order in which they are claimed.
SELECT i.kind, i.external_id, i.contact_id
FROM unnest(:kinds::text[], :external_ids::text[]) AS v (kind, external_id)
JOIN contact_identities i ON i.tenant_id = :tenant_id AND i.channel = 'whatsapp'
    AND i.kind = v.kind AND i.external_id = v.external_id AND i.valid_to IS NULL
ORDER BY i.kind, i.external_id
FOR UPDATE OF i;

-- name: close_identities!
-- Replaced by others of the same person: the past stays readable, and no phone leads to anybody any more. A user id that was seen
-- after the change stays; where no other one is told, also if the contact has written from a new phone since.
WITH present AS MATERIALIZED (
    SELECT c.kind, c.external_id, c.valid_from FROM contact_identities c
    WHERE c.tenant_id = :tenant_id AND c.contact_id = :contact_id AND c.channel = 'whatsapp' AND c.valid_to IS NULL
)
UPDATE contact_identities i SET valid_to = greatest(:at::timestamptz, i.valid_from + interval '1 microsecond')
FROM unnest(:kinds::text[], :external_ids::text[]) AS v (kind, external_id)
WHERE i.tenant_id = :tenant_id AND i.contact_id = :contact_id AND i.channel = 'whatsapp'
    AND i.kind = v.kind AND i.external_id = v.external_id AND i.valid_to IS NULL
    AND (v.kind <> 'bsuid' OR i.valid_from <= :at::timestamptz AND (
        EXISTS (SELECT FROM present p WHERE p.kind = 'bsuid'
            AND (p.valid_from > :at::timestamptz OR p.external_id <> ALL(:external_ids::text[])))
        OR NOT EXISTS (SELECT FROM present p WHERE p.kind = 'wa_id' AND p.valid_from > :at::timestamptz + interval '1 ms')));

-- name: lock_contacts
-- Whoever makes something that is a contact's holds its row until the commit, so this waits for them, and they for this.
SELECT c.id, to_jsonb(c) - 'tenant_id' || jsonb_build_object('identities', (
    SELECT coalesce(jsonb_agg(to_jsonb(i) - 'tenant_id' - 'contact_id' ORDER BY i.valid_from), '[]')
    FROM contact_identities i WHERE i.tenant_id = c.tenant_id AND i.contact_id = c.id)) AS contact
FROM contacts c
WHERE c.tenant_id = :tenant_id AND c.id = ANY(:contact_ids::uuid[])
ORDER BY c.id
FOR UPDATE OF c;

-- name: absorb_contacts!
-- What was merged into a contact that is merged now itself leads to the same one as before. What one lacks, the other gives;
-- a name that somebody gave is more than one that was learned.
WITH merged AS (
    SELECT v.merged_id, v.contact_id, v.undo
    FROM unnest(:merged_ids::uuid[], :contact_ids::uuid[], :undo::text[]) AS v (merged_id, contact_id, undo)
), earlier AS (
    UPDATE contact_merges r SET contact_id = m.contact_id
    FROM merged m WHERE r.tenant_id = :tenant_id AND r.contact_id = m.merged_id
), moved AS (
    UPDATE contact_identities i SET contact_id = m.contact_id
    FROM merged m WHERE i.tenant_id = :tenant_id AND i.contact_id = m.merged_id
), filled AS (
    UPDATE contacts c SET email = coalesce(c.email, o.email),
        name = CASE WHEN o.is_named_by_hand AND NOT c.is_named_by_hand THEN o.name ELSE coalesce(c.name, o.name) END,
        is_named_by_hand = c.is_named_by_hand OR o.is_named_by_hand,
        language = coalesce(c.language, o.language), username = coalesce(c.username, o.username),
        phone_number = coalesce(c.phone_number, o.phone_number),
        profile_picture_url = coalesce(c.profile_picture_url, o.profile_picture_url),
        tags = ARRAY(SELECT DISTINCT t FROM unnest(c.tags || o.tags) AS t ORDER BY t),
        preferences = o.preferences || c.preferences, metadata = o.metadata || c.metadata
    FROM merged m JOIN contacts o ON o.tenant_id = :tenant_id AND o.id = m.merged_id
    WHERE c.tenant_id = :tenant_id AND c.id = m.contact_id
)
INSERT INTO contact_merges (tenant_id, merged_id, into_id, contact_id, merged_at, undo, made_by)
SELECT :tenant_id, m.merged_id, m.contact_id, m.contact_id, :now, m.undo::jsonb, :made_by FROM merged m;

-- name: find_survivors
-- A merged contact's id stays its person's.
SELECT r.merged_id, r.contact_id FROM contact_merges r
WHERE r.tenant_id = :tenant_id AND r.merged_id = ANY(:contact_ids::uuid[]);

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
-- Locked in id order, so that two batches cannot deadlock. What a contact lost, it shows no more. A name that somebody gave stays.
WITH locked AS MATERIALIZED (
    SELECT c.id FROM contacts c WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]) ORDER BY c.id FOR NO KEY UPDATE
)
UPDATE contacts c SET name = CASE WHEN c.is_named_by_hand THEN c.name ELSE coalesce(v.name, c.name) END, phone_number = CASE
    WHEN v.gained IS NOT NULL THEN v.gained
    WHEN c.phone_number = ANY(string_to_array(v.lost, ',')) THEN v.rest
    ELSE coalesce(c.phone_number, v.learned) END
FROM locked l
JOIN unnest(:ids::uuid[], :names::text[], :gained::text[], :lost::text[], :rest::text[], :learned::text[])
    AS v (id, name, gained, lost, rest, learned) ON v.id = l.id
WHERE c.tenant_id = :tenant_id AND c.id = l.id
    AND ((NOT c.is_named_by_hand AND c.name IS DISTINCT FROM coalesce(v.name, c.name)) OR v.gained IS NOT NULL OR v.lost IS NOT NULL
        OR (c.phone_number IS NULL AND v.learned IS NOT NULL));

-- name: find_recipients
-- All that leads to these contacts now, the newest last.
SELECT i.contact_id, i.kind, i.external_id, c.name
FROM contact_identities i
JOIN contacts c ON c.tenant_id = i.tenant_id AND c.id = i.contact_id
WHERE i.tenant_id = :tenant_id AND i.contact_id = ANY(:contact_ids::uuid[]) AND i.channel = 'whatsapp' AND i.valid_to IS NULL
ORDER BY i.contact_id, i.valid_from;

-- name: find_facts
-- What flows may want to know of a customer, where anything is known.
SELECT c.id, c.tags, coalesce(c.language, nullif(c.preferences ->> 'language', '')) AS language FROM contacts c
WHERE c.tenant_id = :tenant_id AND c.id = ANY(:contact_ids::uuid[])
    AND (c.tags <> '{}' OR coalesce(c.language, nullif(c.preferences ->> 'language', '')) IS NOT NULL);

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

-- name: name_nameless
-- In one order, so that two who name the same contacts at once cannot deadlock.
WITH held AS MATERIALIZED (
    SELECT p.id FROM contacts p WHERE p.tenant_id = :tenant_id AND p.id = ANY(:ids::uuid[]) AND p.name IS NULL
    ORDER BY p.id FOR NO KEY UPDATE
)
UPDATE contacts p SET name = v.name FROM held h JOIN unnest(:ids::uuid[], :names::text[]) AS v (id, name) ON v.id = h.id
WHERE p.tenant_id = :tenant_id AND p.id = h.id
RETURNING p.id;

-- name: want_index!
-- In one order, so that two at once cannot deadlock. Their conversations have an index of their own.
WITH people AS (
    INSERT INTO contact_index_wanted (tenant_id, contact_id)
    SELECT :tenant_id, v.contact_id FROM unnest(:contact_ids::uuid[]) AS v (contact_id) ORDER BY v.contact_id
    ON CONFLICT DO NOTHING
)
INSERT INTO conversation_index_wanted (tenant_id, contact_id)
SELECT :tenant_id, v.contact_id FROM unnest(:contact_ids::uuid[]) AS v (contact_id) ORDER BY v.contact_id
ON CONFLICT DO NOTHING;
