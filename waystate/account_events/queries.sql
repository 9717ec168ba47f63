-- name: insert_many
-- In one order, so that two copies of a webhook at once cannot deadlock; those that are new are returned.
INSERT INTO account_events (tenant_id, id, business_account_id, phone_number_id, field, event, severity, sentence, value, at, digest)
SELECT :tenant_id, v.id, v.business_account_id, v.phone_number_id, v.field, v.event, v.severity, v.sentence, v.value::jsonb, v.at,
    v.digest
FROM unnest(:ids::uuid[], :business_account_ids::text[], :phone_number_ids::text[], :fields::text[], :events::text[],
    :severities::text[], :sentences::text[], :values::text[], :at::timestamptz[], :digests::text[])
    AS v (id, business_account_id, phone_number_id, field, event, severity, sentence, value, at, digest)
ORDER BY v.digest
ON CONFLICT (tenant_id, digest) DO NOTHING
RETURNING id;

-- name: drop_old
-- By the primary key: ids tell when an entry was taken in.
WITH old AS MATERIALIZED (
    SELECT o.id FROM account_events o WHERE o.tenant_id = :tenant_id AND o.id < :before::uuid ORDER BY o.id LIMIT :batch
)
DELETE FROM account_events e USING old WHERE e.tenant_id = :tenant_id AND e.id = old.id
RETURNING e.id;

-- name: list_page
-- Backwards over the primary key, whose ids are made of the time. What is of a whole business account concerns each of its numbers.
SELECT e.id, e.business_account_id, e.phone_number_id, e.field, e.event, e.severity, e.sentence, e.value, e.at, e.digest
FROM account_events e
WHERE e.tenant_id = :tenant_id
    AND (:before::uuid IS NULL OR e.id < :before)
    AND (:phone_number_id::text IS NULL OR e.phone_number_id = :phone_number_id
        OR (e.phone_number_id IS NULL AND e.business_account_id = :account_of_number::text))
    AND (:business_account_id::text IS NULL OR e.business_account_id = :business_account_id)
    AND (:field::text IS NULL OR e.field = :field)
    AND (:severities::text[] IS NULL OR e.severity = ANY(:severities))
ORDER BY e.id DESC LIMIT :batch;
