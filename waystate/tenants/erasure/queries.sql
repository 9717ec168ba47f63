-- name: lock_tenant^
-- Whether it may be deleted is decided under the lock that resuming waits for.
SELECT t.status, t.deletion FROM tenants t WHERE t.id = :tenant_id FOR NO KEY UPDATE;

-- name: begin_deletion!
-- From now on it is no tenant to anybody.
UPDATE tenants t SET deletion = :deletion WHERE t.id = :tenant_id AND t.id <> 'platform' AND t.deletion IS NULL;

-- name: free_routes!
-- Its numbers and integrations are free for another tenant at once, however long the rest takes.
DELETE FROM routes r WHERE r.tenant_id = :tenant_id;

-- name: note_progress!
-- In the transaction of the rows that went, so that the counts are right after any crash.
UPDATE tenants t SET deletion = jsonb_set(t.deletion, '{rows}', :rows::jsonb) WHERE t.id = :tenant_id;

-- name: delete_tenant!
-- What was written meanwhile goes with it by the foreign keys, and so does its audit log, which the application may not touch.
DELETE FROM tenants t WHERE t.id = :tenant_id AND t.id <> 'platform' AND t.deletion IS NOT NULL;

-- name: erase_sink_cursors!
-- First: nobody is told of events that are about to go.
DELETE FROM sink_cursors x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM sink_cursors n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_delivery_attempts!
-- Partitioned tables go by their key: a row's place is unique within a partition only. By the keys themselves and not up to the
-- last of them, for which the planner would read the whole table. A batch may be larger by other attempts of the same delivery.
DELETE FROM delivery_attempts x WHERE x.tenant_id = :tenant_id AND x.event_id = ANY(ARRAY(
    SELECT n.event_id FROM delivery_attempts n WHERE n.tenant_id = :tenant_id ORDER BY n.event_id LIMIT :batch::int));

-- name: erase_deliveries!
DELETE FROM deliveries x WHERE x.tenant_id = :tenant_id AND x.event_id = ANY(ARRAY(
    SELECT n.event_id FROM deliveries n WHERE n.tenant_id = :tenant_id ORDER BY n.event_id LIMIT :batch::int));

-- name: erase_events!
DELETE FROM events x WHERE x.tenant_id = :tenant_id AND x.position <= coalesce((
    SELECT n.position FROM events n WHERE n.tenant_id = :tenant_id ORDER BY n.position OFFSET :batch::int - 1 LIMIT 1),
    9223372036854775807);

-- name: erase_message_events!
DELETE FROM message_events x WHERE x.tenant_id = :tenant_id AND x.message_id = ANY(ARRAY(
    SELECT n.message_id FROM message_events n WHERE n.tenant_id = :tenant_id ORDER BY n.message_id LIMIT :batch::int));

-- name: erase_messages!
DELETE FROM messages x WHERE x.tenant_id = :tenant_id AND x.id = ANY(ARRAY(
    SELECT n.id FROM messages n WHERE n.tenant_id = :tenant_id ORDER BY n.id LIMIT :batch::int));

-- name: erase_message_versions!
DELETE FROM message_versions x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM message_versions n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_message_reactions!
DELETE FROM message_reactions x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM message_reactions n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_business_reactions!
DELETE FROM business_reactions x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM business_reactions n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_awaited_messages!
DELETE FROM awaited_messages x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM awaited_messages n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_message_keys!
DELETE FROM message_keys x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM message_keys n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_early_statuses!
DELETE FROM early_statuses x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM early_statuses n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_dead_letters!
DELETE FROM dead_letters x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM dead_letters n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_media_uploads!
DELETE FROM media_uploads x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM media_uploads n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_media_files!
-- Their uploads went before them, or this would take them along unbounded.
DELETE FROM media_files x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM media_files n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_media_usage!
DELETE FROM media_usage x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM media_usage n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_planned_messages!
DELETE FROM planned_messages x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM planned_messages n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_offers!
DELETE FROM offers x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM offers n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));
-- name: erase_genesys_checks!
DELETE FROM genesys_checks x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM genesys_checks n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_conversation_words!
DELETE FROM conversation_words x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM conversation_words n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_conversation_index!
DELETE FROM conversation_index x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM conversation_index n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_conversation_index_wanted!
DELETE FROM conversation_index_wanted x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM conversation_index_wanted n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_conversation_log!
DELETE FROM conversation_log x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM conversation_log n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_conversation_tags!
DELETE FROM conversation_tags x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM conversation_tags n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_queue_members!
DELETE FROM queue_members x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM queue_members n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_queues!
DELETE FROM queues x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM queues n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_schedule_versions!
DELETE FROM schedule_versions x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM schedule_versions n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_schedules!
DELETE FROM schedules x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM schedules n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_conversation_reads!
DELETE FROM conversation_reads x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM conversation_reads n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_conversation_participants!
DELETE FROM conversation_participants x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM conversation_participants n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_conversation_notes!
DELETE FROM conversation_notes x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM conversation_notes n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_replies!
DELETE FROM replies x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM replies n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_conversations!
-- Their messages went before them, or this would take them along unbounded.
DELETE FROM conversations x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM conversations n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_contact_merges!
DELETE FROM contact_merges x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM contact_merges n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_contact_identities!
DELETE FROM contact_identities x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM contact_identities n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_contact_tags!
DELETE FROM contact_tags x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM contact_tags n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_contact_likeness!
DELETE FROM contact_likeness x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM contact_likeness n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_contact_index_wanted!
DELETE FROM contact_index_wanted x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM contact_index_wanted n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_contact_index!
DELETE FROM contact_index x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM contact_index n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_phone_replies!
DELETE FROM phone_replies x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM phone_replies n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_preferences!
DELETE FROM preferences x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM preferences n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_group_participants!
DELETE FROM group_participants x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM group_participants n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_groups!
DELETE FROM groups x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM groups n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_contacts!
DELETE FROM contacts x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM contacts n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_idempotency_keys!
DELETE FROM idempotency_keys x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM idempotency_keys n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_templates!
DELETE FROM templates x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM templates n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_template_syncs!
-- Their templates went before them, or this would take them along unbounded.
DELETE FROM template_syncs x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM template_syncs n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_account_holds!
DELETE FROM account_holds x WHERE x.tenant_id = :tenant_id AND x.phone_number_id = ANY(ARRAY(
    SELECT n.phone_number_id FROM account_holds n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_account_facts!
DELETE FROM account_facts x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM account_facts n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_account_events!
DELETE FROM account_events x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM account_events n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_whatsapp_accounts!
DELETE FROM whatsapp_accounts x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM whatsapp_accounts n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_genesys_integrations!
DELETE FROM genesys_integrations x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM genesys_integrations n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_identity_providers!
DELETE FROM identity_providers x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM identity_providers n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_api_keys!
DELETE FROM api_keys x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM api_keys n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: erase_sessions!
DELETE FROM sessions x WHERE x.tenant_id = :tenant_id AND x.ctid = ANY(ARRAY(
    SELECT n.ctid FROM sessions n WHERE n.tenant_id = :tenant_id LIMIT :batch::int));

-- name: lock_people
-- Whoever makes one of them a member elsewhere at this moment comes first or waits, so that nobody loses a new membership.
SELECT u.id FROM users u WHERE u.id IN (
    SELECT n.user_id FROM memberships n WHERE n.tenant_id = :tenant_id ORDER BY n.user_id LIMIT :batch::int
) ORDER BY u.id FOR UPDATE;

-- name: erase_memberships!
-- Of those people alone whose rows are locked.
DELETE FROM memberships x WHERE x.tenant_id = :tenant_id AND x.user_id = ANY(:user_ids::uuid[]);

-- name: erase_users!
-- Who belonged to this tenant alone has nowhere to log in to any more.
DELETE FROM users u WHERE u.id = ANY(:user_ids::uuid[]) AND NOT EXISTS (SELECT FROM memberships m WHERE m.user_id = u.id);
