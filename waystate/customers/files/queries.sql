-- name: lock_many
-- In one order, as all that change contacts do.
SELECT c.id FROM contacts c WHERE c.tenant_id = :tenant_id AND c.id = ANY(:ids::uuid[]) ORDER BY c.id FOR NO KEY UPDATE;

-- name: edit_many!
-- The rows are locked. Tags come as JSON, since arrays of arrays must be of one length.
UPDATE contacts c SET name = v.name, is_named_by_hand = v.is_named_by_hand, email = v.email, phone_number = v.phone_number,
    username = v.username, language = v.language, profile_picture_url = v.profile_picture_url,
    tags = ARRAY(SELECT jsonb_array_elements_text(v.tags::jsonb)), preferences = v.preferences::jsonb,
    metadata = v.metadata::jsonb, edited_at = greatest(:now::timestamptz, c.edited_at + interval '1 ms')
FROM unnest(:ids::uuid[], :names::text[], :are_named_by_hand::boolean[], :emails::text[], :phone_numbers::text[],
    :usernames::text[], :languages::text[], :profile_picture_urls::text[], :tags::text[], :preferences::text[], :metadata::text[])
    AS v (id, name, is_named_by_hand, email, phone_number, username, language, profile_picture_url, tags, preferences, metadata)
WHERE c.tenant_id = :tenant_id AND c.id = v.id;
