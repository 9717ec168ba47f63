-- name: list_keys
SELECT l.contact_id, l.kind, l.value FROM contact_likeness l
WHERE l.tenant_id = :tenant_id AND l.contact_id = ANY(:contact_ids::uuid[]);

-- name: drop_many!
DELETE FROM contact_likeness l USING unnest(:contact_ids::uuid[], :kinds::text[], :values::text[]) AS v (contact_id, kind, value)
WHERE l.tenant_id = :tenant_id AND l.contact_id = v.contact_id AND l.kind = v.kind AND l.value = v.value;

-- name: add_many!
-- Of contacts that are still there.
INSERT INTO contact_likeness (tenant_id, contact_id, kind, value)
SELECT :tenant_id, v.contact_id, v.kind, v.value
FROM unnest(:contact_ids::uuid[], :kinds::text[], :values::text[]) AS v (contact_id, kind, value)
JOIN contacts c ON c.tenant_id = :tenant_id AND c.id = v.contact_id
ORDER BY v.contact_id, v.kind, v.value
ON CONFLICT DO NOTHING;

-- name: mark_shared!
-- One writer a tenant, the holder of its lane: nobody adds or drops a value meanwhile but who erases or merges, and who reads counts.
WITH touched AS MATERIALIZED (
    SELECT v.kind, v.value, (
        SELECT count(*) FROM (SELECT FROM contact_likeness o
            WHERE o.tenant_id = :tenant_id AND o.kind = v.kind AND o.value COLLATE "C" = v.value LIMIT 2) AS two
    ) > 1 AS is_shared
    FROM unnest(:kinds::text[], :values::text[]) AS v (kind, value)
)
UPDATE contact_likeness l SET is_shared = t.is_shared FROM touched t
WHERE l.tenant_id = :tenant_id AND l.kind = t.kind AND l.value COLLATE "C" = t.value AND l.is_shared <> t.is_shared;

-- name: list_shared
-- From one value to the next, whatever the number of those that have it: two steps in an index for each.
WITH RECURSIVE walk AS (
    (SELECT l.value FROM contact_likeness l
    WHERE l.tenant_id = :tenant_id AND l.kind = :kind AND l.value COLLATE "C" > :after::text AND l.is_shared
    ORDER BY l.value COLLATE "C" LIMIT 1)
    UNION ALL
    SELECT n.value FROM walk w CROSS JOIN LATERAL (
        SELECT l.value FROM contact_likeness l
        WHERE l.tenant_id = :tenant_id AND l.kind = :kind AND l.value COLLATE "C" > w.value AND l.is_shared
        ORDER BY l.value COLLATE "C" LIMIT 1
    ) AS n
)
SELECT s.value, ARRAY(
    SELECT l.contact_id FROM contact_likeness l
    WHERE l.tenant_id = :tenant_id AND l.kind = :kind AND l.value COLLATE "C" = s.value LIMIT :members::int
) AS contacts
FROM (SELECT w.value FROM walk w LIMIT :batch) AS s ORDER BY s.value COLLATE "C";
