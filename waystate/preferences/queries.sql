-- name: note_many
-- The newest word counts, in whatever order they come; of the same moment an opt-out. What changed is returned.
INSERT INTO preferences AS p (tenant_id, phone_number_id, contact_id, marketing, at, told_by, detail)
SELECT DISTINCT ON (v.phone_number_id, v.contact_id) :tenant_id, v.phone_number_id, v.contact_id, v.marketing, v.at, v.told_by, v.detail
FROM unnest(:phone_number_ids::text[], :contact_ids::uuid[], :marketing::text[], :at::timestamptz[], :told_by::text[],
    :details::text[]) AS v (phone_number_id, contact_id, marketing, at, told_by, detail)
ORDER BY v.phone_number_id, v.contact_id, v.at DESC, v.marketing DESC
ON CONFLICT (tenant_id, phone_number_id, contact_id) DO UPDATE SET marketing = excluded.marketing, at = excluded.at,
    told_by = excluded.told_by, detail = excluded.detail
WHERE p.marketing <> excluded.marketing AND (p.at < excluded.at OR (p.at = excluded.at AND excluded.marketing = 'opted_out'))
RETURNING phone_number_id, contact_id, marketing, at, told_by, detail;

-- name: renew_many!
-- The same word again: from when on it holds, so that an older one that comes late does not take it back.
UPDATE preferences p SET at = v.at
FROM unnest(:phone_number_ids::text[], :contact_ids::uuid[], :marketing::text[], :at::timestamptz[])
    AS v (phone_number_id, contact_id, marketing, at)
WHERE p.tenant_id = :tenant_id AND p.phone_number_id = v.phone_number_id AND p.contact_id = v.contact_id
    AND p.marketing = v.marketing AND p.at < v.at;

-- name: list_of
-- One probe each.
SELECT p.phone_number_id, p.contact_id, p.marketing, p.at, p.told_by, p.detail
FROM unnest(:phone_number_ids::text[], :contact_ids::uuid[]) AS v (phone_number_id, contact_id)
JOIN preferences p ON p.tenant_id = :tenant_id AND p.phone_number_id = v.phone_number_id AND p.contact_id = v.contact_id;

-- name: list_of_contacts
SELECT p.contact_id, jsonb_agg(to_jsonb(p) - 'tenant_id' - 'contact_id' ORDER BY p.phone_number_id) AS said
FROM preferences p WHERE p.tenant_id = :tenant_id AND p.contact_id = ANY(:contact_ids::uuid[]) GROUP BY p.contact_id;

-- name: move_many!
-- Of two contacts that are one the newer word holds, of the same moment an opt-out; where opt-outs are kept, these before all. What
-- the other one said goes with it.
INSERT INTO preferences AS p (tenant_id, phone_number_id, contact_id, marketing, at, told_by, detail)
SELECT DISTINCT ON (o.phone_number_id, v.contact_id) :tenant_id, o.phone_number_id, v.contact_id, o.marketing, o.at, o.told_by, o.detail
FROM unnest(:merged_ids::uuid[], :contact_ids::uuid[]) AS v (merged_id, contact_id)
JOIN preferences o ON o.tenant_id = :tenant_id AND o.contact_id = v.merged_id
ORDER BY o.phone_number_id, v.contact_id, (:keeps_opt_outs::boolean AND o.marketing = 'opted_out') DESC, o.at DESC, o.marketing DESC
ON CONFLICT (tenant_id, phone_number_id, contact_id) DO UPDATE SET marketing = excluded.marketing, at = excluded.at,
    told_by = excluded.told_by, detail = excluded.detail
WHERE CASE WHEN :keeps_opt_outs::boolean AND p.marketing <> excluded.marketing THEN excluded.marketing = 'opted_out'
    ELSE p.at < excluded.at OR (p.at = excluded.at AND excluded.marketing = 'opted_out') END;

-- name: put_many!
-- What a contact said that was another for a while: as it is known, whatever stands there.
INSERT INTO preferences AS p (tenant_id, phone_number_id, contact_id, marketing, at, told_by, detail)
SELECT :tenant_id, v.phone_number_id, v.contact_id, v.marketing, v.at, v.told_by, v.detail
FROM unnest(:phone_number_ids::text[], :contact_ids::uuid[], :marketing::text[], :at::timestamptz[], :told_by::text[],
    :details::text[]) AS v (phone_number_id, contact_id, marketing, at, told_by, detail)
ORDER BY v.phone_number_id, v.contact_id
ON CONFLICT (tenant_id, phone_number_id, contact_id) DO UPDATE SET marketing = excluded.marketing, at = excluded.at,
    told_by = excluded.told_by, detail = excluded.detail;
