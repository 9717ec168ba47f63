-- name: acquire_leases
-- A lane is free when nobody holds it or its holder let it lapse; each change of hands raises the epoch, which fences the old one.
-- A new epoch is above all of its kind: with another number of lanes a tenant's next lane still has a higher one than its last.
INSERT INTO leases AS l (kind, lane, holder, epoch, expires_at)
SELECT v.kind, v.lane, :holder, 1 + coalesce((SELECT max(m.epoch) FROM leases m WHERE m.kind = v.kind), 0), :expires_at
FROM unnest(:kinds::text[], :lanes::smallint[]) AS v (kind, lane)
ORDER BY v.kind, v.lane
ON CONFLICT (kind, lane) DO UPDATE SET
    epoch = CASE WHEN l.holder = excluded.holder AND l.expires_at > :now THEN l.epoch
        ELSE greatest(l.epoch + 1, excluded.epoch) END,
    holder = excluded.holder, expires_at = excluded.expires_at
    WHERE l.holder = excluded.holder OR l.holder IS NULL OR l.expires_at <= :now
RETURNING kind, lane, epoch;

-- name: release_leases!
-- What is handed over, the next holder begins at once.
UPDATE leases l SET holder = NULL, expires_at = :now FROM unnest(:kinds::text[], :lanes::smallint[]) AS v (kind, lane)
WHERE l.kind = v.kind AND l.lane = v.lane AND l.holder = :holder;

-- name: drop_suspects!
-- The counts of queue messages that were begun alone after deaths; long after their broker has given them up.
DELETE FROM leases WHERE kind LIKE 'suspect:%' AND expires_at < :before;

-- name: list_leases
-- Who holds what, for the share of each.
SELECT l.kind, l.lane, l.holder FROM leases l WHERE l.kind = ANY(:kinds::text[]) AND l.holder IS NOT NULL AND l.expires_at > :now;

-- name: meet_members
-- I am here, and who else is. What died long ago is swept away by whoever comes by.
WITH mine AS (
    INSERT INTO lease_members (kind, holder, expires_at) SELECT v.kind, :holder, :expires_at FROM unnest(:kinds::text[]) AS v (kind)
    ON CONFLICT (kind, holder) DO UPDATE SET expires_at = excluded.expires_at
    RETURNING kind, holder
), swept AS (
    DELETE FROM lease_members m USING (
        SELECT d.kind, d.holder FROM lease_members d
        WHERE d.kind = ANY(:kinds::text[]) AND d.expires_at <= :now AND d.holder <> :holder FOR UPDATE SKIP LOCKED
    ) AS dead WHERE m.kind = dead.kind AND m.holder = dead.holder
)
SELECT kind, holder FROM mine
UNION SELECT o.kind, o.holder FROM lease_members o WHERE o.kind = ANY(:kinds::text[]) AND o.expires_at > :now;

-- name: free_leases!
-- Of holders that are known to be dead: the living need not wait until they lapse.
WITH gone AS (
    DELETE FROM lease_members WHERE kind = ANY(:kinds::text[]) AND holder = ANY(:holders::text[])
)
UPDATE leases SET holder = NULL, expires_at = :now WHERE kind = ANY(:kinds::text[]) AND holder = ANY(:holders::text[]);

-- name: leave_members!
-- The others need not wait until I lapse.
DELETE FROM lease_members WHERE kind = ANY(:kinds::text[]) AND holder = :holder;

-- name: tick
-- A timer fires once, whoever asks: the row decides.
INSERT INTO timers AS t (name, due_at, last_run_at) VALUES (:name, :next_due_at, :now)
ON CONFLICT (name) DO UPDATE SET due_at = excluded.due_at, last_run_at = excluded.last_run_at WHERE t.due_at <= :now
RETURNING name;

-- name: due_work
-- The audited look across tenants.
SELECT tenant_id, items, oldest FROM due_work(:kind, :moment);

-- name: due_waits
-- The same of what only waits for its time.
SELECT tenant_id, items, oldest FROM due_waits(:kind, :moment);

-- name: lock_lanes$
-- By how many lanes webhooks, or deliveries, are shared out; whoever changes that does so alone.
SELECT CASE WHEN :kind::text = 'ledger' THEN d.lanes ELSE d.delivery_lanes END FROM directory d WHERE d.is_only FOR UPDATE;

-- name: note_lanes!
UPDATE directory SET lanes = CASE WHEN :kind::text = 'ledger' THEN :lanes::int ELSE lanes END,
    delivery_lanes = CASE WHEN :kind::text = 'ledger' THEN delivery_lanes ELSE :lanes::int END
WHERE is_only;
