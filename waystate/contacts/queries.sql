-- name: find_identities
-- The fast path: nearly every message comes from somebody known.
SELECT i.kind, i.external_id, i.contact_id, c.name
FROM unnest(:kinds::text[], :external_ids::text[]) AS v (kind, external_id)
JOIN contact_identities i ON i.tenant_id = :tenant_id AND i.channel = 'whatsapp'
    AND i.kind = v.kind AND i.external_id = v.external_id AND i.valid_to IS NULL
JOIN contacts c ON c.tenant_id = i.tenant_id AND c.id = i.contact_id;

-- name: claim_identities
-- The partial unique index decides which contact a new person is; the loser of a race waits and is given the winner's.
INSERT INTO contact_identities AS i (tenant_id, channel, kind, external_id, valid_from, contact_id)
SELECT :tenant_id, 'whatsapp', v.kind, v.external_id, :valid_from, v.contact_id
FROM unnest(:kinds::text[], :external_ids::text[], :contact_ids::uuid[]) AS v (kind, external_id, contact_id)
ORDER BY v.kind, v.external_id
ON CONFLICT (tenant_id, channel, kind, external_id) WHERE valid_to IS NULL DO UPDATE SET attested = true
RETURNING kind, external_id, contact_id;

-- name: move_identities!
-- Of a person met under two identities at once, the batch that lost one gives up the contact it had begun under the other.
UPDATE contact_identities i SET contact_id = v.new_contact_id
FROM unnest(:contact_ids::uuid[], :new_contact_ids::uuid[]) AS v (contact_id, new_contact_id)
WHERE i.tenant_id = :tenant_id AND i.contact_id = v.contact_id;

-- name: insert_contacts!
-- Only the contacts whose identities won their claims.
INSERT INTO contacts (tenant_id, id, name, phone_number)
SELECT :tenant_id, v.id, v.name, v.phone_number
FROM unnest(:ids::uuid[], :names::text[], :phone_numbers::text[]) AS v (id, name, phone_number)
ORDER BY v.id;

-- name: rename_contacts!
-- In id order, so that two batches cannot deadlock.
UPDATE contacts c SET name = v.name
FROM (SELECT * FROM unnest(:ids::uuid[], :names::text[]) AS u (id, name) ORDER BY u.id) AS v
WHERE c.tenant_id = :tenant_id AND c.id = v.id AND c.name IS DISTINCT FROM v.name;

-- name: find_recipients
-- How WhatsApp addresses these contacts: the phone if one is known, else the business-scoped id.
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

-- name: list_marked
-- By the key, a page at a time: the mark itself has no index, and is asked for seldom.
SELECT c.id FROM contacts c
WHERE c.tenant_id = :tenant_id AND (:after::uuid IS NULL OR c.id > :after::uuid) AND c.metadata @> :mark::jsonb
ORDER BY c.id LIMIT :page;

-- name: remove_contacts
-- Identities, conversations and messages go with them.
DELETE FROM contacts c WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]) RETURNING c.id;
