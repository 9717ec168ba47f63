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
