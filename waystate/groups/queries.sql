-- name: found_many!
-- In one order, so that two who meet the same groups at once cannot deadlock.
INSERT INTO groups (tenant_id, contact_id, group_id)
SELECT :tenant_id, v.contact_id, v.group_id
FROM unnest(:contact_ids::uuid[], :group_ids::text[]) AS v (contact_id, group_id)
ORDER BY v.contact_id
ON CONFLICT (tenant_id, contact_id) DO NOTHING;

-- name: find_many
SELECT g.contact_id, g.group_id, g.subject, g.subject_at, g.state, g.state_at FROM groups g
WHERE g.tenant_id = :tenant_id AND g.contact_id = ANY(:contact_ids::uuid[]);

-- name: lock_many
-- Whoever changes a group or its people holds its row, in one order.
SELECT g.contact_id, g.group_id, g.subject, g.subject_at, g.state, g.state_at FROM groups g
WHERE g.tenant_id = :tenant_id AND g.contact_id = ANY(:contact_ids::uuid[])
ORDER BY g.contact_id FOR NO KEY UPDATE;

-- name: update_many!
-- Rows are locked.
UPDATE groups g SET subject = v.subject, subject_at = v.subject_at, state = v.state, state_at = v.state_at
FROM unnest(:contact_ids::uuid[], :subjects::text[], :subject_at::timestamptz[], :states::text[], :state_at::timestamptz[])
    AS v (contact_id, subject, subject_at, state, state_at)
WHERE g.tenant_id = :tenant_id AND g.contact_id = v.contact_id;

-- name: list_participants
-- With what each is called and known by now; who is still in the group first.
SELECT p.group_contact_id, p.contact_id, p.role, p.joined_at, p.left_at, p.told_at, c.name, w.wa_id, u.user_id
FROM group_participants p
JOIN contacts c ON c.tenant_id = p.tenant_id AND c.id = p.contact_id
LEFT JOIN LATERAL (
    SELECT i.external_id AS wa_id FROM contact_identities i
    WHERE i.tenant_id = :tenant_id AND i.contact_id = p.contact_id AND i.channel = 'whatsapp' AND i.kind = 'wa_id'
        AND i.valid_to IS NULL
    ORDER BY i.valid_from DESC LIMIT 1
) AS w ON true
LEFT JOIN LATERAL (
    SELECT i.external_id AS user_id FROM contact_identities i
    WHERE i.tenant_id = :tenant_id AND i.contact_id = p.contact_id AND i.channel = 'whatsapp' AND i.kind = 'bsuid'
        AND i.valid_to IS NULL
    ORDER BY i.valid_from DESC LIMIT 1
) AS u ON true
WHERE p.tenant_id = :tenant_id AND p.group_contact_id = ANY(:contact_ids::uuid[])
ORDER BY p.group_contact_id, p.left_at IS NOT NULL, c.name, p.contact_id;

-- name: put_participants!
-- Their groups' rows are locked.
INSERT INTO group_participants AS p (tenant_id, group_contact_id, contact_id, role, joined_at, left_at, told_at)
SELECT :tenant_id, v.group_contact_id, v.contact_id, v.role, v.joined_at, v.left_at, v.told_at
FROM unnest(:group_contact_ids::uuid[], :contact_ids::uuid[], :roles::text[], :joined_at::timestamptz[], :left_at::timestamptz[],
    :told_at::timestamptz[]) AS v (group_contact_id, contact_id, role, joined_at, left_at, told_at)
ORDER BY v.group_contact_id, v.contact_id
ON CONFLICT (tenant_id, group_contact_id, contact_id) DO UPDATE SET role = excluded.role, joined_at = excluded.joined_at,
    left_at = excluded.left_at, told_at = excluded.told_at;

-- name: move_many!
-- Two people who turned out to be one were in a group as one: the newer word stands.
WITH moved AS (
    DELETE FROM group_participants p USING unnest(:merged_ids::uuid[], :contact_ids::uuid[]) AS v (merged_id, contact_id)
    WHERE p.tenant_id = :tenant_id AND p.contact_id = v.merged_id
    RETURNING p.group_contact_id, v.contact_id, p.role, p.joined_at, p.left_at, p.told_at
), newest AS (
    SELECT DISTINCT ON (m.group_contact_id, m.contact_id) m.* FROM moved m
    ORDER BY m.group_contact_id, m.contact_id, m.told_at DESC
)
INSERT INTO group_participants AS p (tenant_id, group_contact_id, contact_id, role, joined_at, left_at, told_at)
SELECT :tenant_id, n.group_contact_id, n.contact_id, n.role, n.joined_at, n.left_at, n.told_at FROM newest n
ORDER BY n.group_contact_id, n.contact_id
ON CONFLICT (tenant_id, group_contact_id, contact_id) DO UPDATE SET joined_at = greatest(p.joined_at, excluded.joined_at),
    left_at = CASE WHEN excluded.told_at >= p.told_at THEN excluded.left_at ELSE p.left_at END,
    told_at = greatest(p.told_at, excluded.told_at);

-- name: list_groups_of
SELECT p.contact_id, array_agg(p.group_contact_id) AS groups FROM group_participants p
WHERE p.tenant_id = :tenant_id AND p.contact_id = ANY(:contact_ids::uuid[]) GROUP BY p.contact_id;

-- name: split_participant!
-- Two people were one for a while: each is in the groups that were theirs, as it is known of both together.
WITH given AS (
    INSERT INTO group_participants (tenant_id, group_contact_id, contact_id, role, joined_at, left_at, told_at)
    SELECT :tenant_id, p.group_contact_id, :to_id, p.role, p.joined_at, p.left_at, p.told_at FROM group_participants p
    WHERE p.tenant_id = :tenant_id AND p.contact_id = :contact_id AND p.group_contact_id = ANY(:given::uuid[])
    ORDER BY p.group_contact_id
    ON CONFLICT DO NOTHING
)
DELETE FROM group_participants p
WHERE p.tenant_id = :tenant_id AND p.contact_id = :contact_id AND p.group_contact_id = ANY(:given::uuid[])
    AND p.group_contact_id <> ALL(:kept::uuid[]);
