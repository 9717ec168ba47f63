-- name: append_many!
-- Durable before 200: concurrent webhooks share this one statement. The ingest role may insert only, so nothing is returned.
-- `arrived` is the sequence's next, row by row: clocks of several machines, and ids made of them, would not show the order.
INSERT INTO webhook_ledger (day, id, source, origin, lane, parent, received_at, body, number, signer)
SELECT v.* FROM unnest(:days::date[], :ids::uuid[], :sources::text[], :origins::text[], :lanes::smallint[], :parents::uuid[],
    :received_at::timestamptz[], :bodies::bytea[], :numbers::text[], :signers::text[]) AS v;

-- name: hand_over_many!
-- Items of another number go to that number's lane; a crash in between hands them over again, under the same id. Nearly always they
-- are there since the body came.
INSERT INTO webhook_ledger (day, id, source, origin, lane, parent, received_at, body, number, signer, arrived)
SELECT v.* FROM unnest(:days::date[], :ids::uuid[], :sources::text[], :origins::text[], :lanes::smallint[], :parents::uuid[],
    :received_at::timestamptz[], :bodies::bytea[], :numbers::text[], :signers::text[], :arrived::bigint[]) AS v
ON CONFLICT (day, id) DO NOTHING;

-- name: take_many
-- What a crash left half done comes first and in its old order; `taken` is the order that every later hop shows.
-- A row that was under way at `in_company` deaths may be what killed, so from then on it is taken alone, and only takes alone
-- count further: its neighbours are not to blame, however often a process dies.
-- The revision is of the same snapshot: what was put back to work by a later one is not among these rows.
WITH next AS (
    SELECT p.day, p.id, p.taken, p.arrived, p.attempts FROM webhook_ledger p
    WHERE p.state = 'pending' AND p.lane = ANY(:lanes::smallint[]) AND p.day >= :since
    ORDER BY p.taken NULLS LAST, p.arrived NULLS FIRST, p.id LIMIT :batch
), placed AS (
    SELECT n.day, n.id, n.taken, n.attempts >= :in_company AS is_suspect, row_number() OVER taking AS place,
        bool_or(n.attempts >= :in_company) OVER taking AS is_behind_suspect
    FROM next n WINDOW taking AS (ORDER BY n.taken NULLS LAST, n.arrived NULLS FIRST, n.id)
), ordered AS (
    SELECT q.day, q.id, coalesce(q.taken, nextval('ledger_taken')) AS taken, q.is_suspect
    FROM (SELECT * FROM placed WHERE place = 1 OR NOT is_behind_suspect ORDER BY place) AS q
)
UPDATE webhook_ledger l SET taken = o.taken,
    attempts = CASE WHEN o.is_suspect THEN l.attempts + 1 ELSE least(l.attempts + 1, :in_company) END
FROM ordered o WHERE l.day = o.day AND l.id = o.id AND l.state = 'pending'
RETURNING l.day, l.id, l.source, l.origin, l.lane, l.received_at, l.taken, l.attempts, l.body, l.parent,
    l.number, l.signer, l.arrived, (SELECT d.revision FROM directory d WHERE d.is_only) AS revision;

-- name: settle_many!
-- After the tenants' transactions committed; a crash before this replays the bodies, which the dedupe keys make harmless.
-- Who lost the lane meanwhile has no say any more: its new holder tells what became of the row.
UPDATE webhook_ledger l SET state = v.state, outcome = v.outcome::jsonb
FROM unnest(:days::date[], :ids::uuid[], :states::text[], :outcomes::text[], :lanes::smallint[], :epochs::bigint[])
    AS v (day, id, state, outcome, lane, epoch) LEFT JOIN leases e ON e.kind = 'ledger' AND e.lane = v.lane
WHERE l.day = v.day AND l.id = v.id AND l.state = 'pending' AND (v.epoch IS NULL OR v.epoch = e.epoch);

-- name: list_rows
-- Newest first, for the operator; a state of NULL means all. A page begins below the id `before`. Of a body only its beginning: a
-- page of whole bodies may be gigabytes.
SELECT l.day, l.id, l.source, l.origin, l.received_at, l.attempts, l.state, l.outcome, length(l.body) AS bytes,
    substr(l.body, 1, :preview::int) AS preview
FROM webhook_ledger l
WHERE (:state::text IS NULL OR l.state = :state) AND (:before::uuid IS NULL OR l.id < :before::uuid)
ORDER BY l.id DESC LIMIT :batch;

-- name: find_last_rejected$
-- Where a replay of all ends: what is rejected meanwhile has a later id, or was replayed already.
SELECT l.id FROM webhook_ledger l WHERE l.state = 'rejected' ORDER BY l.id DESC LIMIT 1;

-- name: list_rejected
-- One step of a replay of all, in the old order.
SELECT l.id FROM webhook_ledger l
WHERE l.state = 'rejected' AND (:after::uuid IS NULL OR l.id > :after::uuid) AND l.id <= :until ORDER BY l.id LIMIT :batch;

-- name: replay_many
-- Back to pending, in the old order: rows are taken as they arrived.
UPDATE webhook_ledger SET state = 'pending', taken = NULL, attempts = 0, outcome = NULL
WHERE state = 'rejected' AND id = ANY(:ids::uuid[])
RETURNING id;

-- name: give_back_many!
-- Judged by what is not so any more: they are taken again in the order in which they came, with what waits by now.
UPDATE webhook_ledger l SET taken = NULL, attempts = greatest(l.attempts - v.count, 0)
FROM unnest(:days::date[], :ids::uuid[], :counts::int[]) AS v (day, id, count)
WHERE l.day = v.day AND l.id = v.id AND l.state = 'pending';

-- name: uncount_many!
-- They wait for their tenant, which kills no process; they keep their place, for whoever takes them next.
UPDATE webhook_ledger l SET attempts = greatest(l.attempts - 1, 0)
FROM unnest(:days::date[], :ids::uuid[]) AS v (day, id)
WHERE l.day = v.day AND l.id = v.id AND l.state = 'pending';

-- name: replay_unrouted!
-- What nobody had a use for when it came, and somebody has now: in the old order, and before what comes from here on.
UPDATE webhook_ledger SET state = 'pending', taken = NULL, attempts = 0, outcome = NULL
WHERE state = 'rejected' AND outcome->'unrouted' ?| :keys::text[];

-- name: list_lane_keys
-- What decides the lane of each row that is not done: its number. A row of an older version does not say it: there it is the first in
-- its body, of a handed-over one any that may be its own.
-- Only after the number of lanes was changed; the bodies stay where they are.
SELECT l.day, l.id, l.source, l.origin, l.lane, l.parent, CASE WHEN l.number IS NOT NULL THEN ARRAY[l.number]
    WHEN l.parent IS NULL THEN regexp_match(encode(l.body, 'escape'), '"phone_number_id"\s*:\s*"?([^"\\,}\]\s]{1,64})')
    ELSE ARRAY(SELECT DISTINCT m[1]
        FROM regexp_matches(encode(l.body, 'escape'), '"phone_number_id"\s*:\s*"?([^"\\,}\]\s]{1,64})', 'g') AS m)
    END AS numbers
FROM webhook_ledger l
WHERE l.state IN ('pending', 'rejected') AND (:after::uuid IS NULL OR l.id > :after::uuid) ORDER BY l.id LIMIT :batch;

-- name: change_lanes!
UPDATE webhook_ledger l SET lane = v.lane FROM unnest(:days::date[], :ids::uuid[], :lanes::smallint[]) AS v (day, id, lane)
WHERE l.day = v.day AND l.id = v.id AND l.lane <> v.lane;

-- name: find_row^
-- One row whole, for the trace.
SELECT l.day, l.id, l.source, l.origin, l.lane, l.received_at, l.taken, l.attempts, l.state, l.outcome, l.parent
FROM webhook_ledger l WHERE l.day = :day AND l.id = :id;

-- name: count_pending$
-- For the gauge.
SELECT count(*) FROM webhook_ledger WHERE state = 'pending' AND day >= :since;
